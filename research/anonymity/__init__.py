"""How much anonymity a network gives: clients and nodes on a virtual clock, judged by what an adversary can work out.

`python -m research.anonymity`, or `make simulate-anonymity`, writes docs/anonymity.md.
"""
