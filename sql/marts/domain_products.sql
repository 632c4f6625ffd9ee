-- Title:   Cross-products of a line's values and the days spent in each stage
-- Meaning: Sums over the values of a line, of the products of any two of 1, the days spent in each
--          stage when the value was measured, and the value in millionths of the domain's unit: all
--          that the models of a domain's course need. sum_days_2_value is the sum of days in stage 2
--          times value; most_days_2 is the largest number of days in stage 2. Values after the last
--          session belong to no stage's time and are left out. The sums are of whole numbers that
--          stay below 2 to the power of 53, hence exact in DOUBLE and the same on every run; those
--          of squared values are larger and are added as decimals.
-- Grain:   one row for each episode, domain and line (values read in one way) with a value
-- Kind:    view
-- Reads:   marts.domain_exposure
-- Source:  sufficient statistics of the linear mixed model
WITH whole_numbers AS (
    SELECT
        domain,
        episode_key,
        line_number,
        round(1000000 * value) AS millionths,
        round(7 * weeks_stage_1) AS days_1,
        round(7 * weeks_stage_2) AS days_2,
        round(7 * weeks_stage_3) AS days_3,
        round(7 * weeks_stage_4) AS days_4,
        round(7 * weeks_stage_5) AS days_5
    FROM marts.domain_exposure
    WHERE weeks_stage_1 IS NOT NULL
)

SELECT
    domain,
    episode_key,
    line_number,
    CAST(count(*) AS INTEGER) AS values_count,
    sum(days_1) AS sum_days_1,
    sum(days_2) AS sum_days_2,
    sum(days_3) AS sum_days_3,
    sum(days_4) AS sum_days_4,
    sum(days_5) AS sum_days_5,
    sum(millionths) AS sum_value,
    sum(days_1 * days_1) AS sum_days_1_days_1,
    sum(days_1 * days_2) AS sum_days_1_days_2,
    sum(days_1 * days_3) AS sum_days_1_days_3,
    sum(days_1 * days_4) AS sum_days_1_days_4,
    sum(days_1 * days_5) AS sum_days_1_days_5,
    sum(days_1 * millionths) AS sum_days_1_value,
    sum(days_2 * days_2) AS sum_days_2_days_2,
    sum(days_2 * days_3) AS sum_days_2_days_3,
    sum(days_2 * days_4) AS sum_days_2_days_4,
    sum(days_2 * days_5) AS sum_days_2_days_5,
    sum(days_2 * millionths) AS sum_days_2_value,
    sum(days_3 * days_3) AS sum_days_3_days_3,
    sum(days_3 * days_4) AS sum_days_3_days_4,
    sum(days_3 * days_5) AS sum_days_3_days_5,
    sum(days_3 * millionths) AS sum_days_3_value,
    sum(days_4 * days_4) AS sum_days_4_days_4,
    sum(days_4 * days_5) AS sum_days_4_days_5,
    sum(days_4 * millionths) AS sum_days_4_value,
    sum(days_5 * days_5) AS sum_days_5_days_5,
    sum(days_5 * millionths) AS sum_days_5_value,
    CAST(
        sum(CAST(millionths AS DECIMAL(19, 0)) * CAST(millionths AS DECIMAL(19, 0))) AS DOUBLE
    ) AS sum_value_value,
    CAST(max(days_1) AS INTEGER) AS most_days_1,
    CAST(max(days_2) AS INTEGER) AS most_days_2,
    CAST(max(days_3) AS INTEGER) AS most_days_3,
    CAST(max(days_4) AS INTEGER) AS most_days_4,
    CAST(max(days_5) AS INTEGER) AS most_days_5
FROM whole_numbers
GROUP BY domain, episode_key, line_number
ORDER BY domain, episode_key, line_number
