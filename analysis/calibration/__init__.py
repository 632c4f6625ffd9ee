"""How the whole estimator does on registries whose truth is known: findings and certificate."""
