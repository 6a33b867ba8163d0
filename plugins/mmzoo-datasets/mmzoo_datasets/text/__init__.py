"""Text for synthetic corpora: word lists, a grammar, and the recogniser's vocabulary that widens both."""
