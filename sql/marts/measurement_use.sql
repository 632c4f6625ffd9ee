-- Title:   How many measurements count
-- Meaning: The accepted measurements by whether they count, or the reason why they do not. What is
--          not counted stays in core.measurements and counts once the protocol knows its
--          instrument, unit or target.
-- Grain:   one row for each use that occurs
-- Reads:   concepts.measurement_use
-- Source:  study definitions, "The records: six tables"
SELECT
    measurement_use,
    count(*) AS measurements
FROM concepts.measurement_use
GROUP BY measurement_use
ORDER BY measurement_use
