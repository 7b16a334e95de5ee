"""Measurements of fcgipm beside its peers. `scripts/bench` runs them; each file holds one idea."""
