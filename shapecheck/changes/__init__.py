"""What if the model were changed: edits of layers, what they do to the lengths and cost, and a search for the smallest.

edits           texts such as `shared.6.padding=2` as values
layer_settings  what a layer can be set to;  weights  its weight in another shape;  origins  where it was constructed
shortenings     which module calls make a length shorter
editing         edits applied to a module, in place;  editable  a component that can be edited again and again
confirming      the verdicts beside eager PyTorch
comparison      a component as it is and with edits, side by side
candidates      edits that may help at all;  search  the smallest sets of them that do
"""
