-- Title:   Sessions held against an order
-- Meaning: Whether each attended session broke an order, and how: premature when it works a stage
--          before those that must come first are completed, skip when one of them was never
--          worked. The protocol's orders stand beside each other.
-- Grain:   one row for each attended session and order
-- Kind:    view
-- Reads:   concepts.session_progress, concepts.stage_sets, protocol.orders, core.episodes,
--          core.sessions
-- Source:  study definitions, "Adherence, session by session"
SELECT
    orders.order_name,
    episodes.episode_id,
    records.session_id,
    sessions.day,
    sessions.session_number,
    sessions.stage,
    (required.required_set & sessions.completed_set) <> required.required_set AS is_violation,
    CASE
        WHEN (required.required_set & sessions.completed_set) = required.required_set THEN NULL
        WHEN (required.required_set & sessions.seen_set) <> required.required_set THEN 'skip'
        ELSE 'premature'
    END AS violation_kind,
    before_it.stages_count AS completed_stages_before
FROM concepts.session_progress AS sessions
INNER JOIN concepts.stage_sets AS required
    ON sessions.worked_set = required.stage_set
INNER JOIN concepts.stage_sets AS before_it
    ON
        required.order_number = before_it.order_number
        AND sessions.completed_set_before = before_it.stage_set
INNER JOIN protocol.orders AS orders
    ON required.order_number = orders.order_number
INNER JOIN core.episodes AS episodes
    ON sessions.episode_key = episodes.episode_key
INNER JOIN core.sessions AS records
    ON sessions.session_key = records.session_key
