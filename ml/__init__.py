"""What is likely: features, training, calibration, evaluation, registry, scoring, reasons."""
