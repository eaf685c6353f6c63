/* script/parse.c: options, times, and the list of events. */
#include "script/parse.h"

/* `--name=value`: the value is the rest of the word. */
static const char *option_value(struct cursor *cursor) {
    const char *begin = cursor->at;
    while (cursor->at<cursor->end && * cursor->at> ' ')
        cursor->at++;
    const char *value = arena_string(cursor->arena, begin, (size_t)(cursor->at - begin));
    if (!value)
        cursor_fail(cursor, "out of memory", "");
    return value;
}

static bool family_of(struct cursor *cursor, const char *text, enum script_family *out) {
    if (text_equal(text, "ipv4"))
        *out = SCRIPT_IPV4;
    else if (text_equal(text, "ipv6"))
        *out = SCRIPT_IPV6;
    else if (text_equal(text, "ipv4-mapped-ipv6"))
        *out = SCRIPT_MAPPED;
    else
        return cursor_fail(cursor, "--ip_version is ipv4, ipv6 or ipv4-mapped-ipv6, not ", text);
    return true;
}

static bool parse_option(struct cursor *cursor, struct script_program *program) {
    int64_t number;
    const char *text;
    if (cursor_take(cursor, "--tolerance_usecs=")) {
        if (!cursor_number_below(cursor, 1000000000, &number))
            return false;
        program->tolerance = (rill_time)number * RILL_MICROSECOND;
    } else if (cursor_take(cursor, "--tcp_ts_tick_usecs=")) {
        if (!cursor_number_below(cursor, 10000000, &number))
            return false;
        program->timestamp_tick = (rill_time)number * RILL_MICROSECOND;
    } else if (cursor_take(cursor, "--mtu=")) {
        if (!cursor_number_below(cursor, 65536, &number))
            return false;
        program->mtu = (uint32_t)number;
    } else if (cursor_take(cursor, "--ip_version=")) {
        text = option_value(cursor);
        return text && family_of(cursor, text, &program->family);
    } else if (cursor_take(cursor, "--local_ip=")) {
        program->local_ip = option_value(cursor);
    } else if (cursor_take(cursor, "--remote_ip=")) {
        program->remote_ip = option_value(cursor);
    } else if (cursor_take(cursor, "--strict_segments")) {
        program->strict_segments = true;
    } else { /* what is about the wire of a real run: prefixes, gateways, speeds */
        text = option_value(cursor);
    }
    return !cursor->failed;
}

static bool parse_time(struct cursor *cursor, struct script_time *time) {
    *time = (struct script_time){.relative = true};
    char next = cursor_peek(cursor);
    if (next == '`' || next == '%') /* the first and the last line may have none */
        return true;
    time->relative = cursor_take(cursor, "+");
    if (cursor_take(cursor, "*")) {
        time->any = true;
        return true;
    }
    if (!cursor_seconds(cursor, &time->at))
        return false;
    time->until = time->at;
    if (cursor_take(cursor, "...")) {
        time->blocking = true;
        (void)cursor_take(cursor, "+");
        return cursor_seconds(cursor, &time->until);
    }
    if (cursor_take(cursor, "~")) {
        (void)cursor_take(cursor, "+");
        if (!cursor_seconds(cursor, &time->until))
            return false;
        if (time->until < time->at)
            return cursor_fail(cursor, "a range of times that ends before it begins", "");
    }
    return true;
}

static bool parse_body(struct cursor *cursor, struct script_event *event) {
    if (cursor_take(cursor, "<")) {
        event->kind = SCRIPT_INBOUND;
        event->packet = parse_packet(cursor, true);
    } else if (cursor_take(cursor, ">")) {
        event->kind = SCRIPT_OUTBOUND;
        event->packet = parse_packet(cursor, false);
    } else if (cursor_take(cursor, "`")) {
        event->kind = SCRIPT_SHELL;
        event->text = cursor_until(cursor, "`");
    } else if (cursor_take(cursor, "%{")) {
        event->kind = SCRIPT_CODE;
        event->text = cursor_until(cursor, "}%");
    } else {
        event->kind = SCRIPT_CALL;
        event->call = parse_call(cursor);
    }
    if (event->time.blocking && event->kind != SCRIPT_CALL)
        return cursor_fail(cursor, "only a call takes a time of the form a...b", "");
    return !cursor->failed;
}

static struct script_event *append(struct cursor *cursor, struct script_event ***last,
                                   enum script_event_kind kind) {
    struct script_event *event = arena_new(cursor->arena, sizeof *event);
    if (!event) {
        cursor_fail(cursor, "out of memory", "");
        return 0;
    }
    event->kind = kind;
    event->line = cursor->line;
    event->time.relative = true;
    **last = event;
    *last = &event->next;
    return event;
}

bool parse_script(struct cursor *cursor, struct script_program *program) {
    struct script_event **last = &program->events;
    while (cursor_peek(cursor) == '-')
        if (!parse_option(cursor, program))
            return false;
    while (cursor_peek(cursor)) {
        if (cursor->passed_over && !append(cursor, &last, SCRIPT_OPEN))
            return false;
        cursor->passed_over = false;
        struct script_event *event = append(cursor, &last, SCRIPT_CALL);
        if (!event || !parse_time(cursor, &event->time))
            return false;
        cursor_blanks(cursor);
        event->line = cursor->line;
        if (!parse_body(cursor, event))
            return false;
    }
    if (!cursor->failed && cursor->passed_over)
        (void)append(cursor, &last, SCRIPT_OPEN);
    if (cursor->in_ifdef)
        cursor_fail(cursor, "#ifdef without #endif", "");
    return !cursor->failed;
}
