"""fastText classifiers that a user trains on labelled sources, for the judges that take a model: skill and quality.

A label file says which sources teach what; `python -m curation.classifier skill|quality` trains on records, and on lessons
made of them, tests on sources the model never saw, and writes the model with a card beside it. The judge's setting `model`
names the file.
No weights come with the project: without a model the judges' rules stand alone.
"""
