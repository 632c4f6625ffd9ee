-- Title:   Falls in rank
-- Meaning: How often an episode fell back: a session of lower rank than the one before it.
--          last_fall_start is the session_number at which it last did. A step from one stage to
--          another is written as one bit, 2 to the power 5 * (stage left) + (stage entered) - 6,
--          and the steps that fall in an order as the sum of their bits.
-- Grain:   one row for each order and episode whose sessions ever fall back in rank
-- Reads:   concepts.stage_runs, protocol.stage_order
-- Source:  study definitions, "Adherence, session by session"
WITH falling_steps AS (
    SELECT
        later.order_number,
        bit_or(1 << (5 * earlier.stage + later.stage - 6)) AS steps
    FROM protocol.stage_order AS later
    INNER JOIN protocol.stage_order AS earlier
        ON later.order_number = earlier.order_number
    WHERE earlier.stage_rank > later.stage_rank
    GROUP BY later.order_number
),

steps AS (
    SELECT
        episode_key,
        run_start,
        1 << (5 * previous_stage + stage - 6) AS step
    FROM concepts.stage_runs
    WHERE previous_stage IS NOT NULL
)

SELECT
    falling_steps.order_number,
    steps.episode_key,
    CAST(count(*) AS INTEGER) AS falls_count,
    max(steps.run_start) AS last_fall_start
FROM steps
INNER JOIN falling_steps
    ON (steps.step & falling_steps.steps) <> 0
GROUP BY falling_steps.order_number, steps.episode_key
