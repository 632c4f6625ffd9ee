-- Title:   First violation of an order
-- Meaning: When an episode first broke an order, how, and in how many sessions it did; and when it
--          first skipped a stage, that is, worked one while a stage of lower rank had never been
--          worked before or in that session, whatever exits were met (null if it never did).
-- Grain:   one row for each order and episode that ever broke it
-- Reads:   concepts.violating_sessions
-- Source:  study definitions, "Adherence, session by session"
SELECT
    order_number,
    episode_key,
    CAST(min(session_number) AS INTEGER) AS first_violation_session_number,
    min(day) AS first_violation_day,
    CASE
        WHEN min(CASE WHEN is_skip THEN session_number END) = min(session_number) THEN 'skip'
        ELSE 'premature'
    END AS violation_kind,
    CAST(min(CASE WHEN is_skip THEN session_number END) AS INTEGER) AS first_skip_session_number,
    min(CASE WHEN is_skip THEN day END) AS first_skip_day,
    CAST(count(*) AS INTEGER) AS premature_sessions
FROM concepts.violating_sessions
GROUP BY order_number, episode_key
