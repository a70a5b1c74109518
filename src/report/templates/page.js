(function () {
  "use strict";
  document.documentElement.classList.add("js");
  document.querySelectorAll(".filter").forEach(function (form) {
    var rows = Array.from(document.querySelectorAll("#" + form.dataset.table + " tbody tr"));
    var words = form.querySelector("input");
    var status = form.querySelector("select");
    var shown = form.querySelector("output");
    function apply() {
      var wanted = words.value.trim().toLowerCase();
      var count = 0;
      rows.forEach(function (row) {
        var fits = (!status.value || row.dataset.status === status.value) && row.textContent.toLowerCase().includes(wanted);
        row.hidden = !fits;
        count += fits ? 1 : 0;
      });
      shown.textContent = count + " of " + rows.length + " rows";
    }
    words.addEventListener("input", apply);
    status.addEventListener("change", apply);
    apply();
  });
})();
