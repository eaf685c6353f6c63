/* link/trace_json.c: see trace_json.h. */
#include "link/trace_json.h"

/* A leaf callback: a line of JSON for each thing that happened. */
void trace_json(void *file, const struct rill_trace_record *record) {
    static const char *const kinds[] = {"sent", "received", "dropped", "state"};
    char local[RILL_ENDPOINT_TEXT], remote[RILL_ENDPOINT_TEXT];
    fprintf(file,
            "{\"time\":%llu.%09llu,\"kind\":\"%s\",\"local\":\"%s\",\"remote\":\"%s\","
            "\"flags\":%u,\"sequence\":%u,\"acknowledgement\":%u,\"length\":%u,\"window\":%u,"
            "\"state\":\"%s\",\"cwnd\":%u,\"ssthresh\":%u,\"in_flight\":%u",
            (unsigned long long)(record->now / RILL_SECOND),
            (unsigned long long)(record->now % RILL_SECOND), kinds[record->kind & 3],
            rill_endpoint_format(&record->local, local),
            rill_endpoint_format(&record->remote, remote), record->flags, record->sequence,
            record->acknowledgement, record->length, record->window,
            rill_tcp_state_text((enum rill_tcp_state)record->state), record->cwnd, record->ssthresh,
            record->in_flight);
    if (record->kind == RILL_TRACE_SENT)
        fprintf(file, ",\"cause\":\"%s\"", rill_cause_text(record->cause));
    if (record->kind == RILL_TRACE_DROPPED)
        fprintf(file, ",\"drop\":\"%s\"", rill_drop_name(record->drop));
    fputs("}\n", file);
}
