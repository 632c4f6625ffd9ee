"""Target trials from observational data by clone-censor-weight; knows no rehabilitation."""
