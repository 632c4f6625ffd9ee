-- Title:   Course of a domain within a stage
-- Meaning: First and last value of a domain while an episode was in a stage, and the slope per week
--          of the straight line with the least squares through all its values there. Values that
--          were read in another way (another line_number) are never set against one another: the
--          slope is then that of parallel lines, one for each way of reading, with levels of their
--          own; first and last value and their days are those of the line with most values (of
--          equals, the one that goes on longest). The sums are of whole numbers (millionths of the
--          domain's unit) that stay below 2 to the power of 53, hence exact in DOUBLE and the same
--          on every run; those of several lines are added as decimals. No slope is given where no
--          line has values of two days.
-- Grain:   one row for each episode, domain and stage with a value
-- Reads:   concepts.domain_points
-- Source:  ordinary least squares, slope = (n Sxy - Sx Sy) / (n Sxx - Sx Sx); of several lines, the
--          within-group (analysis of covariance) slope
WITH sums AS (
    SELECT
        episode_key,
        domain_number,
        stage,
        line_number,
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
    GROUP BY episode_key, domain_number, stage, line_number
),

-- Line 1 is that of the sessions (of their first rater), so that few stages need a second look.
broken_stages AS (
    SELECT DISTINCT
        others.episode_key,
        others.domain_number,
        others.stage
    FROM sums AS others
    INNER JOIN sums AS earlier
        ON
            others.episode_key = earlier.episode_key
            AND others.domain_number = earlier.domain_number
            AND others.stage = earlier.stage
            AND others.line_number > earlier.line_number
    WHERE others.line_number > 1
),

lines_in_order AS (
    SELECT
        sums.*,
        row_number() OVER (
            PARTITION BY sums.episode_key, sums.domain_number, sums.stage
            ORDER BY sums.values_count DESC, sums.last_day DESC, sums.line_number
        ) AS line_rank
    FROM sums
    INNER JOIN broken_stages
        ON
            sums.episode_key = broken_stages.episode_key
            AND sums.domain_number = broken_stages.domain_number
            AND sums.stage = broken_stages.stage
),

pooled AS (
    SELECT
        episode_key,
        domain_number,
        stage,
        CAST(sum(values_count) AS INTEGER) AS values_count,
        CAST(count(*) AS INTEGER) AS lines_count,
        max(CASE WHEN line_rank = 1 THEN first_day END) AS first_day,
        max(CASE WHEN line_rank = 1 THEN last_day END) AS last_day,
        max(CASE WHEN line_rank = 1 THEN first_value END) AS first_value,
        max(CASE WHEN line_rank = 1 THEN last_value END) AS last_value,
        max(last_day - first_day) AS longest_days,
        sum(CAST((values_count * sum_xy - sum_x * sum_y) / values_count AS DECIMAL(38, 6)))
            AS moment_xy,
        sum(CAST((values_count * sum_xx - sum_x * sum_x) / values_count AS DECIMAL(38, 6)))
            AS moment_xx
    FROM lines_in_order
    GROUP BY episode_key, domain_number, stage
)

SELECT
    sums.episode_key,
    sums.domain_number,
    sums.stage,
    sums.first_day,
    sums.last_day,
    CAST(sums.values_count AS INTEGER) AS values_count,
    sums.first_value,
    sums.last_value,
    CASE
        WHEN sums.last_day > sums.first_day
            THEN
                7.0 * (sums.values_count * sums.sum_xy - sums.sum_x * sums.sum_y)
                / (sums.values_count * sums.sum_xx - sums.sum_x * sums.sum_x) / 1000000
    END AS slope_per_week,
    1 AS lines_count
FROM sums
LEFT JOIN broken_stages
    ON
        sums.episode_key = broken_stages.episode_key
        AND sums.domain_number = broken_stages.domain_number
        AND sums.stage = broken_stages.stage
WHERE broken_stages.stage IS NULL
UNION ALL
SELECT
    episode_key,
    domain_number,
    stage,
    first_day,
    last_day,
    values_count,
    first_value,
    last_value,
    CASE
        WHEN longest_days > 0
            THEN 7.0 * CAST(moment_xy AS DOUBLE) / CAST(moment_xx AS DOUBLE) / 1000000
    END AS slope_per_week,
    lines_count
FROM pooled
