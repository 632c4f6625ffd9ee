-- Title:   From all episodes to those studied
-- Meaning: How many episodes each step of the study's selection leaves; the last step is the study
--          population.
-- Grain:   one row for each step
-- Reads:   concepts.study_population
-- Source:  study definitions, "Effect: the target trial"
SELECT
    1 AS step,
    'episodes accepted into the registry' AS reason,
    count(*) AS episodes_left
FROM concepts.study_population
UNION ALL
SELECT
    2 AS step,
    'with at least one attended session' AS reason,
    count(CASE WHEN has_attended_session THEN 1 END) AS episodes_left
FROM concepts.study_population
UNION ALL
SELECT
    3 AS step,
    'whose first attended session is on day 0' AS reason,
    count(CASE WHEN is_in_study THEN 1 END) AS episodes_left
FROM concepts.study_population
ORDER BY step
