(function () {
  "use strict";
  document.documentElement.classList.add("js");

  // A saved page filters the rows that it has.
  document.querySelectorAll(".filter.local").forEach(function (form) {
    var rows = Array.from(document.querySelectorAll("#" + form.dataset.table + " tbody tr"));
    var words = form.querySelector("input");
    var status = form.querySelector("select");
    var shown = form.querySelector("output");
    var left = form.dataset.left;
    function apply() {
      var wanted = words.value.trim().toLowerCase();
      var count = 0;
      rows.forEach(function (row) {
        var fits = (!status.value || row.dataset.status === status.value) && row.textContent.toLowerCase().includes(wanted);
        row.hidden = !fits;
        count += fits ? 1 : 0;
      });
      shown.textContent = count + " of " + rows.length + " rows" + (left ? ", and " + left + " more in integrations.csv" : "");
    }
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    words.addEventListener("input", apply);
    status.addEventListener("change", apply);
    apply();
  });

  // A served page asks the server while one types: it has all the rows, and the address stays what the form would make it.
  document.querySelectorAll(".filter[data-ranking]").forEach(function (form) {
    var rows = document.getElementById("rows-" + form.dataset.ranking);
    var waiting = 0;
    var asked = 0;
    function ask() {
      var parameters = new URLSearchParams();
      new FormData(form).forEach(function (value, name) { if (value) { parameters.append(name, value); } });
      var address = "/?" + parameters;
      var turn = ++asked;
      fetch(address).then(function (answer) {
        return answer.ok ? answer.text() : Promise.reject(answer.status);
      }).then(function (html) {
        var fresh = new DOMParser().parseFromString(html, "text/html").getElementById(rows.id);
        if (fresh && turn === asked) {
          rows.replaceChildren.apply(rows, Array.from(fresh.childNodes));
          history.replaceState(null, "", address);
        }
      }).catch(function () { /* The button still works. */ });
    }
    form.addEventListener("input", function () {
      clearTimeout(waiting);
      waiting = setTimeout(ask, 200);
    });
  });
})();
