// What the search finds is put into order by these numbers: text and titles as Sphinx has them, functions of the library
// after the chapters that explain a word.
var Scorer = {
  objNameMatch: 4, objPartialMatch: 1, objPrio: { 0: 0, 1: 0, 2: 0 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
};
