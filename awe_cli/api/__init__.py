"""What a notebook uses: an estimator of scikit-learn's kind, and workspaces with their datasets and models."""
