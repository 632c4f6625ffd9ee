"""Times to events: estimators on arrays that know nothing of where the arrays come from."""
