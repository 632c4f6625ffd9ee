-- Title:   Course of a domain within a stage
-- Meaning: First and last value of a domain while an episode was in a stage, and the slope per week
--          of the straight line with the least squares through all its values there. The sums are
--          of whole numbers (millionths of the domain's unit) that stay below 2 to the power of 53,
--          hence exact in DOUBLE and the same on every run. No slope is given for values of a
--          single day.
-- Grain:   one row for each episode, domain and stage with a value
-- Reads:   concepts.domain_points
-- Source:  ordinary least squares, slope = (n Sxy - Sx Sy) / (n Sxx - Sx Sx)
WITH sums AS (
    SELECT
        episode_key,
        domain_number,
        stage,
        min(day) AS first_day,
        max(day) AS last_day,
        count(*) AS values_count,
        min_by(value, 10000000 * CAST(day AS BIGINT) + position) AS first_value,
        max_by(value, 10000000 * CAST(day AS BIGINT) + position) AS last_value,
        sum(CAST(day AS DOUBLE)) AS sum_x,
        sum(CAST(day AS DOUBLE) * day) AS sum_xx,
        sum(round(1000000 * value)) AS sum_y,
        sum(round(1000000 * value) * day) AS sum_xy
    FROM concepts.domain_points
    WHERE stage IS NOT NULL
    GROUP BY episode_key, domain_number, stage
)

SELECT
    episode_key,
    domain_number,
    stage,
    first_day,
    last_day,
    CAST(values_count AS INTEGER) AS values_count,
    first_value,
    last_value,
    CASE
        WHEN last_day > first_day
            THEN
                7.0 * (values_count * sum_xy - sum_x * sum_y)
                / (values_count * sum_xx - sum_x * sum_x) / 1000000
    END AS slope_per_week
FROM sums
