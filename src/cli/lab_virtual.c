/* cli/lab_virtual.c: two rill hosts in virtual time: the same options give the same run, byte for
 * byte. */
#include "cli/lab.h"

#include "base/util.h"

#define TIME_LIMIT (24 * 3600 * RILL_SECOND)

static bool idle(const struct lab *lab) {
    for (int i = 0; i < 2; i++) {
        struct rill_stack_info info;
        rill_stack_get_info(lab->world.stacks[i], &info);
        if (info.connections)
            return false;
    }
    return true;
}

/* Until all flows are over and no connection is left (TIME-WAIT aside). */
int lab_virtual_run(struct lab *lab) {
    int code = lab_world_open(lab, 0);
    bool more = true;
    while (!code && more) {
        lab_flows_run(lab);
        if (lab_flows_over(lab) && idle(lab))
            break;
        rill_time until = lab->stopped ? TIME_LIMIT : RILL_MIN(lab->stop_at, TIME_LIMIT);
        more = rill_virtual_step(&lab->world, until);
        if (lab->world.now >= lab->stop_at && !lab->stopped) {
            lab_flows_stop(lab);
            more = true;
        }
    }
    lab_flows_close(lab);
    return code;
}
