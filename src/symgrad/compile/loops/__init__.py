"""Loops and branches of a graph in the frameworks' own forms."""
