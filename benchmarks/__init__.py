"""Side by side with peers and limits, as ratios: `python -m benchmarks` measures, `page` writes."""
