"""Text for synthetic corpora: word lists, a grammar, and the recognizer's vocabulary that widens both."""
