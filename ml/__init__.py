"""What is likely: late risk and arrival times learned from the past and promised on later data.

Here: features, training, calibration, intervals, evaluation, registry, scoring, reasons, drift.
Next door: `data` reads the feeds, `dbt_project` says what is true, `orchestration` runs this room.
"""
