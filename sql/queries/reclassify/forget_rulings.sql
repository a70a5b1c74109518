-- Everything that is kept was judged anew: forgets by what it was judged before. Without looking at a row.
DELETE FROM ruling
