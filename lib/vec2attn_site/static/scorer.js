// What the search finds is put into order by these numbers: text and titles as Sphinx has them, functions of the library
// after the chapters that explain a word, and of two pages that hold it alike, the one that comes first in the book.
var Scorer = {
  objNameMatch: 4, objPartialMatch: 1, objPrio: { 0: 0, 1: 0, 2: 0 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
  score: ([page, , , , score]) => score - Number(/^chapters\/(\d+)_/.exec(page)?.[1] ?? 50) / 100,
};
