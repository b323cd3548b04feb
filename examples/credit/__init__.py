"""The demo: credit scoring on Statlog German Credit."""
