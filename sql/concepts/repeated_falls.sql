-- Title:   Departures from an order by several falls
-- Meaning: Pairs in inversion, and the longest ordered part, where the sessions of an episode fall
--          back in rank more than once.
--          Such a part consists of sessions of rank 1 up to some moment, of rank 2 from there to
--          a second moment, and so on. With sessions_k the number of sessions of rank k so far,
--            up_to_2 is the best of ranks 1 and 2 so far: sessions_2 plus the largest
--            sessions_1 - sessions_2 at any moment so far;
--            up_to_3 adds rank 3 in the same way: sessions_3 plus the largest
--            up_to_2 - sessions_3 so far;
--            from_4 is the best of ranks 4 and 5 from here on: the largest sessions_4 - sessions_5
--            at any later moment, less sessions_4 now, plus all sessions of rank 5.
--          The longest ordered part is the largest up_to_3 + from_4 at any moment.
--          The five counts of a run are carried along in one number, by powers of 4096 (see
--          concepts.session_progress), here by rank instead of by stage: 12 bits for each.
-- Grain:   one row for each order and episode whose sessions fall back in rank more than once
-- Kind:    view
-- Reads:   concepts.stage_runs, concepts.order_falls, concepts.stage_places,
--          protocol.stage_order
-- Source:  Schensted C. Longest increasing and decreasing subsequences. Can J Math 1961;13:179
WITH ranked AS (
    SELECT
        falls.order_number,
        falls.episode_key,
        runs.run_start,
        runs.sessions_count,
        stages.stage_rank,
        (runs.sessions_so_far & 4095) * places.place_1
        + (runs.sessions_so_far >> 12 & 4095) * places.place_2
        + (runs.sessions_so_far >> 24 & 4095) * places.place_3
        + (runs.sessions_so_far >> 36 & 4095) * places.place_4
        + (runs.sessions_so_far >> 48) * places.place_5 AS sessions_by_rank
    FROM concepts.stage_runs AS runs
    INNER JOIN concepts.order_falls AS falls
        ON runs.episode_key = falls.episode_key AND falls.falls_count > 1
    INNER JOIN concepts.stage_places AS places
        ON falls.order_number = places.order_number
    INNER JOIN protocol.stage_order AS stages
        ON falls.order_number = stages.order_number AND runs.stage = stages.stage
),

compared AS (
    SELECT
        order_number,
        episode_key,
        run_start,
        sessions_count,
        stage_rank,
        sessions_by_rank,
        CAST((sessions_by_rank & 4095) - (sessions_by_rank >> 12 & 4095) AS INTEGER)
            AS sessions_1_less_2,
        CAST((sessions_by_rank >> 36 & 4095) - (sessions_by_rank >> 48) AS INTEGER)
            AS sessions_4_less_5
    FROM ranked
),

both_ends AS (
    SELECT
        order_number,
        episode_key,
        run_start,
        sessions_count,
        stage_rank,
        sessions_by_rank,
        sessions_4_less_5,
        -- 0 is the difference before the first session.
        greatest(0, max(sessions_1_less_2) OVER so_far) AS best_1_less_2,
        max(sessions_4_less_5) OVER from_here AS best_4_less_5
    FROM compared
    WINDOW
        so_far AS (
            PARTITION BY episode_key, order_number
            ORDER BY run_start
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ),
        from_here AS (
            PARTITION BY episode_key, order_number
            ORDER BY run_start
            ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
        )
),

counted AS (
    SELECT
        order_number,
        episode_key,
        run_start,
        sessions_count,
        stage_rank,
        sessions_by_rank,
        sessions_4_less_5,
        best_1_less_2,
        best_4_less_5,
        CAST(sessions_by_rank >> 12 & 4095 AS INTEGER) AS sessions_2,
        CAST(sessions_by_rank >> 24 & 4095 AS INTEGER) AS sessions_3,
        CAST(sessions_by_rank >> 36 & 4095 AS INTEGER) AS sessions_4,
        CAST(sessions_by_rank >> 48 AS INTEGER) AS sessions_5
    FROM both_ends
),

met AS (
    SELECT
        order_number,
        episode_key,
        sessions_by_rank,
        sessions_4_less_5,
        sessions_5,
        sessions_3
        + greatest(
            0,
            max(sessions_2 + best_1_less_2 - sessions_3) OVER (
                PARTITION BY episode_key, order_number
                ORDER BY run_start
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            )
        )
        + best_4_less_5 - sessions_4 AS met_here,
        -- Pairs of the run's sessions with earlier ones of higher rank.
        sessions_count * CASE stage_rank
            WHEN 1 THEN sessions_2 + sessions_3 + sessions_4 + sessions_5
            WHEN 2 THEN sessions_3 + sessions_4 + sessions_5
            WHEN 3 THEN sessions_4 + sessions_5
            WHEN 4 THEN sessions_5
            ELSE 0
        END AS inverted_pairs
    FROM counted
)

SELECT
    order_number,
    episode_key,
    -- No count ever shrinks, so the last number is the largest.
    max(sessions_by_rank) AS sessions_by_rank,
    sum(inverted_pairs) AS inverted_pairs,
    -- The three: met at some run, met before the first session, none of ranks 1 to 4.
    greatest(max(met_here), max(sessions_4_less_5), 0) + max(sessions_5)
        AS longest_ordered_sessions
FROM met
GROUP BY order_number, episode_key
