"""Published data sets in their publishers' own columns, turned into the shared feature columns.

Each module offers `read(path) -> Source` (typed rows, nothing judged) and
`features(source, history) -> frame` in the columns of `ml.features`.
"""
