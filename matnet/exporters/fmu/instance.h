/* An instance of the network, for both versions of FMI: its inputs, its states, its outputs and their derivatives.

   A static network computes y from the inputs as they are when y is read.

   A dynamic network does a step at each of the times start, start + STEP, start + 2 STEP, ..., with the inputs that it
   then has. y is that of the last step done; before the first step it is the y that the first step would give. */

#ifndef INSTANCE_H
#define INSTANCE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network.h"

#define ROOM(count) ((count) > 0 ? (count) : 1)
#define FIRST_OUTPUT (FIRST_INPUT + INPUTS)

#if defined(PREFIX)
#define JOINED(prefix, name) prefix##name
#define JOIN(prefix, name) JOINED(prefix, name)
#define API(name) JOIN(PREFIX, name)
#else
#define API(name) name
#endif

#if defined(_WIN32) || defined(__CYGWIN__)
#define EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#define EXPORT __attribute__((visibility("default")))
#else
#define EXPORT
#endif

enum { OK = 0, ERROR = 3 };

enum { MODEL_EXCHANGE, CO_SIMULATION };

enum { INSTANTIATED, INITIALIZATION, RUNNING, TERMINATED };

/* All that an instance remembers, in doubles only, so that its bytes can be stored. */
typedef struct {
    double phase;
    double time;
    double start;
    double steps; /* done since the start */
    double x[ROOM(INPUTS)];
    double states[ROOM(STATES)];
    double used_x[ROOM(INPUTS)]; /* by the last step */
    double used_states[ROOM(STATES)];
} Values;

typedef struct {
    Values values;
    int kind;
    int y_known, dydx_known;
    double y[ROOM(OUTPUTS)];
    double dydx[ROOM(OUTPUTS * INPUTS)];
    double next_states[ROOM(STATES)];
    char message[256];
    void *environment;
    void (*log)(void);
    char *name;
} Instance;

/* The values that a new instance starts with. */
static void start_again(Instance *instance)
{
    memset(&instance->values, 0, sizeof instance->values);
    memcpy(instance->values.x, network_start, sizeof network_start);
    instance->y_known = instance->dydx_known = 0;
}

static const double *point(const Instance *instance)
{
    return instance->values.steps > 0 ? instance->values.used_x : instance->values.x;
}

static const double *point_states(const Instance *instance)
{
    return instance->values.steps > 0 ? instance->values.used_states : instance->values.states;
}

static void compute_y(Instance *instance)
{
    if (!instance->y_known)
        network_value(point(instance), point_states(instance), instance->y, instance->next_states);
    instance->y_known = 1;
}

static void compute_dydx(Instance *instance)
{
    if (!instance->dydx_known) network_jacobian(point(instance), point_states(instance), instance->y, instance->dydx);
    instance->dydx_known = 1;
}

/* The functions below return a message if something is wrong, else NULL. */

static const char *problem(Instance *instance, const char *what, unsigned int reference)
{
    snprintf(instance->message, sizeof instance->message, "%s: value reference %u", what, reference);
    return instance->message;
}

static const char *get_values(Instance *instance, const unsigned int *references, size_t count, double *values)
{
    size_t k;
    for (k = 0; k < count; k++) {
        const unsigned int reference = references[k];
        if (reference < FIRST_INPUT) {
            if (!TIME_IS_A_VARIABLE) return problem(instance, "there is no such variable", reference);
            values[k] = instance->values.time;
        } else if (reference < FIRST_OUTPUT) {
            values[k] = instance->values.x[reference - FIRST_INPUT];
        } else if (reference < FIRST_OUTPUT + OUTPUTS) {
            compute_y(instance);
            values[k] = instance->y[reference - FIRST_OUTPUT];
        } else {
            return problem(instance, "there is no such variable", reference);
        }
    }
    return NULL;
}

static const char *only_inputs(Instance *instance, const unsigned int *references, size_t count)
{
    size_t k;
    for (k = 0; k < count; k++)
        if (references[k] < FIRST_INPUT || references[k] >= FIRST_OUTPUT)
            return problem(instance, "this is not an input", references[k]);
    return NULL;
}

static const char *set_values(Instance *instance, const unsigned int *references, size_t count, const double *values)
{
    const char *wrong = only_inputs(instance, references, count);
    size_t k;
    if (wrong) return wrong;
    if (instance->values.phase == TERMINATED) return "inputs cannot be set after the simulation was terminated";
    for (k = 0; k < count; k++) instance->values.x[references[k] - FIRST_INPUT] = values[k];
    if (instance->values.steps == 0) instance->y_known = instance->dydx_known = 0;
    return NULL;
}

static const char *check_derivative(Instance *instance, const unsigned int *unknowns, size_t unknown_count,
                                    const unsigned int *knowns, size_t known_count)
{
    size_t k;
    if (!DERIVATIVES) return "this FMU was written without derivatives";
    for (k = 0; k < unknown_count; k++)
        if (unknowns[k] < FIRST_OUTPUT || unknowns[k] >= FIRST_OUTPUT + OUTPUTS)
            return problem(instance, "derivatives are those of outputs, and this is none", unknowns[k]);
    return only_inputs(instance, knowns, known_count);
}

static double slope(const Instance *instance, unsigned int unknown, unsigned int known)
{
    return instance->dydx[(size_t)(unknown - FIRST_OUTPUT) * INPUTS + (known - FIRST_INPUT)];
}

/* The sums over the knowns of derivative times seed, one for each unknown. */
static const char *directional(Instance *instance, const unsigned int *unknowns, size_t unknown_count,
                               const unsigned int *knowns, size_t known_count, const double *seed, double *result)
{
    const char *wrong = check_derivative(instance, unknowns, unknown_count, knowns, known_count);
    size_t i, k;
    if (wrong) return wrong;
    compute_dydx(instance);
    for (i = 0; i < unknown_count; i++) {
        double sum = 0;
        for (k = 0; k < known_count; k++) sum += slope(instance, unknowns[i], knowns[k]) * seed[k];
        result[i] = sum;
    }
    return NULL;
}

/* The time of a co-simulation that goes on by `size` from `now`, with the steps that are due before its end. */
static const char *advance(Instance *instance, double now, double size)
{
    Values *values = &instance->values;
    const double end = now + size;
    if (instance->kind != CO_SIMULATION) return "steps are done in co-simulation only";
    if (values->phase != RUNNING) return "a step is done after the initialization and before the end only";
    if (!(size > 0) || !isfinite(end)) return "a step must have a positive size and a finite end";
    if (DYNAMIC) {
        const double rounding = 1e-6 + 1e-15 * (fabs(end) + fabs(values->start)) / STEP;
        const double due = ceil((end - values->start) / STEP - rounding);
        if (fabs(now - values->time) > 1e-6 * size + 1e-12 * fabs(now)) return "a step must begin where the last ended";
        if (!(rounding <= 0.25 && due <= 9007199254740992.0)) return "the time is too large for the network's step";
        while (values->steps < due) {
            memcpy(values->used_x, values->x, sizeof values->x);
            memcpy(values->used_states, values->states, sizeof values->states);
            network_value(values->x, values->states, instance->y, instance->next_states);
            memcpy(values->states, instance->next_states, sizeof values->states);
            values->steps++;
            instance->y_known = 1;
            instance->dydx_known = 0;
        }
    }
    values->time = end;
    return NULL;
}

/* Copies of all that an instance remembers. */

static const char *copied(const Instance *instance, void **state)
{
    if (!*state) *state = malloc(sizeof(Values));
    if (!*state) return "there is no memory for the state";
    memcpy(*state, &instance->values, sizeof(Values));
    return NULL;
}

static const char *restored(Instance *instance, const void *state)
{
    if (!state) return "there is no state to be restored";
    memcpy(&instance->values, state, sizeof(Values));
    instance->y_known = instance->dydx_known = 0;
    return NULL;
}

#define STORED_SIZE (sizeof TOKEN - 1 + sizeof(Values))

static const char *stored(const void *state, unsigned char *bytes, size_t size)
{
    if (!state || size < STORED_SIZE) return "the state is missing, or its bytes have no room";
    memcpy(bytes, TOKEN, sizeof TOKEN - 1);
    memcpy(bytes + sizeof TOKEN - 1, state, sizeof(Values));
    return NULL;
}

static const char *read_again(const unsigned char *bytes, size_t size, void **state)
{
    if (size != STORED_SIZE || memcmp(bytes, TOKEN, sizeof TOKEN - 1)) return "these bytes are no state of this FMU";
    if (!*state) *state = malloc(sizeof(Values));
    if (!*state) return "there is no memory for the state";
    memcpy(*state, bytes + sizeof TOKEN - 1, sizeof(Values));
    return NULL;
}

/* A new instance, or NULL and a message. */
static Instance *created(const char *name, const char *token, int kind, const char **wrong)
{
    const char *called = name ? name : "";
    Instance *instance = NULL;
    if (!token || strcmp(token, TOKEN)) {
        *wrong = "the model description is not that of this FMU";
    } else if (DYNAMIC && kind == MODEL_EXCHANGE) {
        *wrong = "the network is dynamic: it supports co-simulation only";
    } else {
        instance = calloc(1, sizeof *instance);
        if (instance) instance->name = malloc(strlen(called) + 1);
        if (!instance || !instance->name) {
            free(instance);
            *wrong = "there is no memory for an instance";
            return NULL;
        }
        strcpy(instance->name, called);
        instance->kind = kind;
        start_again(instance);
    }
    return instance;
}

static void released(Instance *instance)
{
    if (instance) free(instance->name);
    free(instance);
}

static const char *changed_phase(Instance *instance, int from, int to)
{
    if (instance->values.phase != from) return "this function is not allowed in the present mode";
    instance->values.phase = to;
    return NULL;
}

static const char *in_model_exchange(const Instance *instance, size_t count)
{
    if (instance->kind != MODEL_EXCHANGE) return "this function belongs to model exchange";
    return count ? "there are no continuous states and no event indicators" : NULL;
}

/* A function of model exchange about continuous states or events: a network has none. */
#define NO_NUMBERS(name, type)                                                                                         \
    EXPORT Status API(name)(void *instance, type numbers, size_t count)                                                \
    {                                                                                                                  \
        (void)numbers;                                                                                                 \
        return instance ? report(instance, in_model_exchange(instance, count)) : ERROR;                                \
    }

#endif
