-- Title:   Departures from an order by a single fall
-- Meaning: Where the sessions of an episode fall back in rank only once, they stand in order before
--          the fall and again after it. Pairs in inversion are then one session before the fall
--          with one of lower rank after it. A longest ordered part takes the sessions before the
--          fall up to some rank, and those after it from that rank on.
-- Grain:   one row for each order and episode whose sessions fall back in rank exactly once
-- Kind:    view
-- Reads:   concepts.order_falls, concepts.stage_runs, concepts.episode_progress,
--          concepts.stage_places
-- Source:  Schensted C. Longest increasing and decreasing subsequences. Can J Math 1961;13:179
WITH halves AS (
    SELECT
        falls.order_number,
        falls.episode_key,
        runs.sessions_so_far - runs.sessions_count * CASE runs.stage
            WHEN 1 THEN 1
            WHEN 2 THEN 4096
            WHEN 3 THEN 16777216
            WHEN 4 THEN 68719476736
            ELSE 281474976710656
        END AS before_by_stage,
        episodes.sessions_by_stage
    FROM concepts.order_falls AS falls
    INNER JOIN concepts.stage_runs AS runs
        ON
            falls.episode_key = runs.episode_key
            AND falls.last_fall_start = runs.run_start
    INNER JOIN concepts.episode_progress AS episodes
        ON falls.episode_key = episodes.episode_key
    WHERE falls.falls_count = 1
),

by_rank AS (
    SELECT
        halves.order_number,
        halves.episode_key,
        (halves.before_by_stage & 4095) * places.place_1
        + (halves.before_by_stage >> 12 & 4095) * places.place_2
        + (halves.before_by_stage >> 24 & 4095) * places.place_3
        + (halves.before_by_stage >> 36 & 4095) * places.place_4
        + (halves.before_by_stage >> 48) * places.place_5 AS before_by_rank,
        (halves.sessions_by_stage & 4095) * places.place_1
        + (halves.sessions_by_stage >> 12 & 4095) * places.place_2
        + (halves.sessions_by_stage >> 24 & 4095) * places.place_3
        + (halves.sessions_by_stage >> 36 & 4095) * places.place_4
        + (halves.sessions_by_stage >> 48) * places.place_5 AS sessions_by_rank
    FROM halves
    INNER JOIN concepts.stage_places AS places
        ON halves.order_number = places.order_number
),

after_it AS (
    SELECT
        order_number,
        episode_key,
        before_by_rank,
        sessions_by_rank - before_by_rank AS after_by_rank,
        sessions_by_rank
    FROM by_rank
),

counted AS (
    SELECT
        order_number,
        episode_key,
        sessions_by_rank,
        before_by_rank & 4095 AS before_1,
        before_by_rank >> 12 & 4095 AS before_2,
        before_by_rank >> 24 & 4095 AS before_3,
        before_by_rank >> 36 & 4095 AS before_4,
        before_by_rank >> 48 AS before_5,
        after_by_rank & 4095 AS after_1,
        after_by_rank >> 12 & 4095 AS after_2,
        after_by_rank >> 24 & 4095 AS after_3,
        after_by_rank >> 36 & 4095 AS after_4,
        after_by_rank >> 48 AS after_5
    FROM after_it
)

SELECT
    order_number,
    episode_key,
    sessions_by_rank,
    before_2 * after_1
    + before_3 * (after_1 + after_2)
    + before_4 * (after_1 + after_2 + after_3)
    + before_5 * (after_1 + after_2 + after_3 + after_4) AS inverted_pairs,
    greatest(
        before_1 + after_1 + after_2 + after_3 + after_4 + after_5,
        before_1 + before_2 + after_2 + after_3 + after_4 + after_5,
        before_1 + before_2 + before_3 + after_3 + after_4 + after_5,
        before_1 + before_2 + before_3 + before_4 + after_4 + after_5,
        before_1 + before_2 + before_3 + before_4 + before_5 + after_5
    ) AS longest_ordered_sessions
FROM counted
