"""How far a predicted alpha is from the truth: `names` is the vocabulary, `scoring` the way in."""
