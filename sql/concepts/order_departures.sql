-- Title:   How far the stages of an episode depart from an order
-- Meaning: Compares the stages of an episode's sessions with an order, whatever exits were met.
--          Two sessions are in inversion when the later one has the lower rank; pairs of equal
--          rank are no pairs. The longest ordered part is the largest number of sessions that
--          stand in the order once the others are left out (longest non-decreasing subsequence).
--          How it is found, walking along the runs: sessions_k is the number of sessions of rank k
--          so far, and longest_k the longest ordered part so far that ends with rank k or lower.
--          Such a part ends with the sessions of rank k that follow some moment, and before that
--          moment it ends with rank k - 1 or lower, so longest_k is sessions_k plus the largest
--          longest_(k-1) - sessions_k at any moment so far (0 before the first session).
-- Grain:   one row for each order and episode whose sessions ever fall back in rank; where they
--          never do, no pair is in inversion and the longest ordered part is the whole episode
-- Reads:   concepts.stage_runs, protocol.stage_order
-- Source:  Schensted C. Longest increasing and decreasing subsequences. Can J Math 1961;13:179
WITH falls AS (
    SELECT
        later.order_number,
        earlier.stage AS previous_stage,
        later.stage
    FROM protocol.stage_order AS later
    INNER JOIN protocol.stage_order AS earlier
        ON later.order_number = earlier.order_number
    WHERE earlier.stage_rank > later.stage_rank
),

fallen AS (
    SELECT DISTINCT
        falls.order_number,
        runs.episode_key
    FROM concepts.stage_runs AS runs
    INNER JOIN falls
        ON runs.previous_stage = falls.previous_stage AND runs.stage = falls.stage
),

ranked AS (
    SELECT
        fallen.order_number,
        fallen.episode_key,
        runs.run_start,
        runs.sessions_count,
        orders.stage_rank
    FROM fallen
    INNER JOIN concepts.stage_runs AS runs
        ON fallen.episode_key = runs.episode_key
    INNER JOIN protocol.stage_order AS orders
        ON fallen.order_number = orders.order_number AND runs.stage = orders.stage
),

counted AS (
    SELECT
        order_number,
        episode_key,
        run_start,
        sessions_count,
        stage_rank,
        CAST(sum(CASE WHEN stage_rank = 1 THEN sessions_count ELSE 0 END) OVER so_far AS INTEGER)
            AS sessions_1,
        CAST(sum(CASE WHEN stage_rank = 2 THEN sessions_count ELSE 0 END) OVER so_far AS INTEGER)
            AS sessions_2,
        CAST(sum(CASE WHEN stage_rank = 3 THEN sessions_count ELSE 0 END) OVER so_far AS INTEGER)
            AS sessions_3,
        CAST(sum(CASE WHEN stage_rank = 4 THEN sessions_count ELSE 0 END) OVER so_far AS INTEGER)
            AS sessions_4,
        CAST(sum(CASE WHEN stage_rank = 5 THEN sessions_count ELSE 0 END) OVER so_far AS INTEGER)
            AS sessions_5
    FROM ranked
    WINDOW so_far AS (
        PARTITION BY order_number, episode_key
        ORDER BY run_start
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),

up_to_2 AS (
    SELECT
        *,
        sessions_2 + greatest(0, max(sessions_1 - sessions_2) OVER so_far) AS longest_2
    FROM counted
    WINDOW so_far AS (
        PARTITION BY order_number, episode_key
        ORDER BY run_start
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),

up_to_3 AS (
    SELECT
        *,
        sessions_3 + greatest(0, max(longest_2 - sessions_3) OVER so_far) AS longest_3
    FROM up_to_2
    WINDOW so_far AS (
        PARTITION BY order_number, episode_key
        ORDER BY run_start
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),

up_to_4 AS (
    SELECT
        *,
        sessions_4 + greatest(0, max(longest_3 - sessions_4) OVER so_far) AS longest_4
    FROM up_to_3
    WINDOW so_far AS (
        PARTITION BY order_number, episode_key
        ORDER BY run_start
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),

up_to_5 AS (
    SELECT
        *,
        sessions_5 + greatest(0, max(longest_4 - sessions_5) OVER so_far) AS longest_5
    FROM up_to_4
    WINDOW so_far AS (
        PARTITION BY order_number, episode_key
        ORDER BY run_start
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),

pairs AS (
    SELECT
        order_number,
        episode_key,
        longest_5,
        CAST(sessions_count AS BIGINT) * CASE stage_rank
            WHEN 1 THEN sessions_2 + sessions_3 + sessions_4 + sessions_5
            WHEN 2 THEN sessions_3 + sessions_4 + sessions_5
            WHEN 3 THEN sessions_4 + sessions_5
            WHEN 4 THEN sessions_5
            ELSE 0
        END AS inverted_pairs,
        CAST(sessions_count AS BIGINT) * (
            sessions_1 + sessions_2 + sessions_3 + sessions_4 + sessions_5 - CASE stage_rank
                WHEN 1 THEN sessions_1
                WHEN 2 THEN sessions_2
                WHEN 3 THEN sessions_3
                WHEN 4 THEN sessions_4
                ELSE sessions_5
            END
        ) AS unequal_pairs
    FROM up_to_5
)

SELECT
    order_number,
    episode_key,
    CAST(sum(inverted_pairs) AS DOUBLE) / CAST(sum(unequal_pairs) AS DOUBLE) AS inversion_share,
    max(longest_5) AS longest_ordered_sessions
FROM pairs
GROUP BY order_number, episode_key
