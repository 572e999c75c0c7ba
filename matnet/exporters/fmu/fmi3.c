/* The functions of FMI 3.0. Without a macro they have their own names, as in a shared library; FMI3_FUNCTION_PREFIX gives
   them the prefix that static libraries need. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(FMI3_OVERRIDE_FUNCTION_PREFIX)
#if defined(FMI3_ACTUAL_FUNCTION_PREFIX)
#define PREFIX FMI3_ACTUAL_FUNCTION_PREFIX
#endif
#elif defined(FMI3_FUNCTION_PREFIX)
#define PREFIX FMI3_FUNCTION_PREFIX
#endif

#define FIRST_INPUT 1u
#define TIME_IS_A_VARIABLE 1

#include "instance.h"

typedef int Status;
typedef unsigned int Reference;
typedef void (*LogMessage)(void *environment, Status status, const char *category, const char *message);

static void say(void (*log)(void), void *environment, const char *message)
{
    if (log) ((LogMessage)log)(environment, ERROR, "logStatusError", message);
}

static Status report(Instance *instance, const char *wrong)
{
    if (!wrong) return OK;
    say(instance->log, instance->environment, wrong);
    return ERROR;
}

static void *instantiate(const char *name, const char *token, int kind, void *environment, LogMessage log)
{
    const char *wrong = NULL;
    Instance *instance = created(name, token, kind, &wrong);
    if (instance) {
        instance->environment = environment;
        instance->log = (void (*)(void))log;
    } else {
        say((void (*)(void))log, environment, wrong);
    }
    return instance;
}

EXPORT const char *API(fmi3GetVersion)(void)
{
    return "3.0";
}

EXPORT Status API(fmi3SetDebugLogging)(void *instance, bool on, size_t count, const char *const categories[])
{
    (void)on, (void)count, (void)categories;
    return instance ? OK : ERROR;
}

EXPORT void *API(fmi3InstantiateModelExchange)(const char *name, const char *token, const char *resources, bool visible,
                                               bool logging, void *environment, LogMessage log)
{
    (void)resources, (void)visible, (void)logging;
    return instantiate(name, token, MODEL_EXCHANGE, environment, log);
}

EXPORT void *API(fmi3InstantiateCoSimulation)(const char *name, const char *token, const char *resources, bool visible,
                                              bool logging, bool event_mode, bool early_return,
                                              const Reference *intermediate, size_t count, void *environment,
                                              LogMessage log, void (*update)(void))
{
    (void)resources, (void)visible, (void)logging, (void)early_return, (void)intermediate, (void)count, (void)update;
    if (event_mode) {
        say((void (*)(void))log, environment, "this FMU has no event mode in co-simulation");
        return NULL;
    }
    return instantiate(name, token, CO_SIMULATION, environment, log);
}

EXPORT void *API(fmi3InstantiateScheduledExecution)(const char *name, const char *token, const char *resources,
                                                    bool visible, bool logging, void *environment, LogMessage log,
                                                    void (*update)(void), void (*lock)(void), void (*unlock)(void))
{
    (void)name, (void)token, (void)resources, (void)visible, (void)logging, (void)update, (void)lock, (void)unlock;
    say((void (*)(void))log, environment, "this FMU does not support scheduled execution");
    return NULL;
}

EXPORT void API(fmi3FreeInstance)(void *instance)
{
    released(instance);
}

EXPORT Status API(fmi3EnterInitializationMode)(void *instance, bool tolerance_defined, double tolerance, double start,
                                               bool stop_defined, double stop)
{
    Instance *own = instance;
    const char *wrong;
    (void)tolerance_defined, (void)tolerance, (void)stop_defined, (void)stop;
    if (!own) return ERROR;
    wrong = changed_phase(own, INSTANTIATED, INITIALIZATION);
    if (!wrong) own->values.time = own->values.start = start;
    return report(own, wrong);
}

EXPORT Status API(fmi3ExitInitializationMode)(void *instance)
{
    return instance ? report(instance, changed_phase(instance, INITIALIZATION, RUNNING)) : ERROR;
}

EXPORT Status API(fmi3EnterEventMode)(void *instance)
{
    return instance ? report(instance, in_model_exchange(instance, 0)) : ERROR;
}

EXPORT Status API(fmi3Terminate)(void *instance)
{
    return instance ? report(instance, changed_phase(instance, RUNNING, TERMINATED)) : ERROR;
}

EXPORT Status API(fmi3Reset)(void *instance)
{
    if (!instance) return ERROR;
    start_again(instance);
    return OK;
}

EXPORT Status API(fmi3GetFloat64)(void *instance, const Reference *references, size_t count, double *values,
                                  size_t value_count)
{
    if (!instance) return ERROR;
    if (count != value_count) return report(instance, "all variables are scalars: one value for each reference");
    return report(instance, get_values(instance, references, count, values));
}

EXPORT Status API(fmi3SetFloat64)(void *instance, const Reference *references, size_t count, const double *values,
                                  size_t value_count)
{
    if (!instance) return ERROR;
    if (count != value_count) return report(instance, "all variables are scalars: one value for each reference");
    return report(instance, set_values(instance, references, count, values));
}

static Status none(Instance *instance, size_t count)
{
    if (!instance) return ERROR;
    return count ? report(instance, "there are no variables of this type") : OK;
}

#define NO_VARIABLES(Type, type)                                                                                       \
    EXPORT Status API(fmi3Get##Type)(void *instance, const Reference *references, size_t count, type *values,          \
                                     size_t value_count)                                                               \
    {                                                                                                                  \
        (void)references, (void)values, (void)value_count;                                                             \
        return none(instance, count);                                                                                  \
    }                                                                                                                  \
    EXPORT Status API(fmi3Set##Type)(void *instance, const Reference *references, size_t count, const type *values,    \
                                     size_t value_count)                                                               \
    {                                                                                                                  \
        (void)references, (void)values, (void)value_count;                                                             \
        return none(instance, count);                                                                                  \
    }

typedef const char *Text;
typedef const uint8_t *Bytes;

NO_VARIABLES(Float32, float)
NO_VARIABLES(Int8, int8_t)
NO_VARIABLES(UInt8, uint8_t)
NO_VARIABLES(Int16, int16_t)
NO_VARIABLES(UInt16, uint16_t)
NO_VARIABLES(Int32, int32_t)
NO_VARIABLES(UInt32, uint32_t)
NO_VARIABLES(Int64, int64_t)
NO_VARIABLES(UInt64, uint64_t)
NO_VARIABLES(Boolean, bool)
NO_VARIABLES(String, Text)

EXPORT Status API(fmi3GetBinary)(void *instance, const Reference *references, size_t count, size_t *sizes,
                                 Bytes *values, size_t value_count)
{
    (void)references, (void)sizes, (void)values, (void)value_count;
    return none(instance, count);
}

EXPORT Status API(fmi3SetBinary)(void *instance, const Reference *references, size_t count, const size_t *sizes,
                                 const Bytes *values, size_t value_count)
{
    (void)references, (void)sizes, (void)values, (void)value_count;
    return none(instance, count);
}

EXPORT Status API(fmi3GetClock)(void *instance, const Reference *references, size_t count, bool *values)
{
    (void)references, (void)values;
    return none(instance, count);
}

EXPORT Status API(fmi3SetClock)(void *instance, const Reference *references, size_t count, const bool *values)
{
    (void)references, (void)values;
    return none(instance, count);
}

static Status unsupported(Instance *instance)
{
    return instance ? report(instance, "this FMU does not support this function") : ERROR;
}

EXPORT Status API(fmi3GetNumberOfVariableDependencies)(void *instance, Reference reference, size_t *count)
{
    (void)reference, (void)count;
    return unsupported(instance);
}

EXPORT Status API(fmi3GetVariableDependencies)(void *instance, Reference dependent, size_t *elements,
                                               Reference *independents, size_t *independent_elements, int *kinds,
                                               size_t count)
{
    (void)dependent, (void)elements, (void)independents, (void)independent_elements, (void)kinds, (void)count;
    return unsupported(instance);
}

EXPORT Status API(fmi3GetFMUState)(void *instance, void **state)
{
    return instance ? report(instance, copied(instance, state)) : ERROR;
}

EXPORT Status API(fmi3SetFMUState)(void *instance, void *state)
{
    return instance ? report(instance, restored(instance, state)) : ERROR;
}

EXPORT Status API(fmi3FreeFMUState)(void *instance, void **state)
{
    if (!instance) return ERROR;
    if (state) {
        free(*state);
        *state = NULL;
    }
    return OK;
}

EXPORT Status API(fmi3SerializedFMUStateSize)(void *instance, void *state, size_t *size)
{
    (void)state;
    *size = STORED_SIZE;
    return instance ? OK : ERROR;
}

EXPORT Status API(fmi3SerializeFMUState)(void *instance, void *state, uint8_t *bytes, size_t size)
{
    return instance ? report(instance, stored(state, bytes, size)) : ERROR;
}

EXPORT Status API(fmi3DeserializeFMUState)(void *instance, const uint8_t *bytes, size_t size, void **state)
{
    return instance ? report(instance, read_again(bytes, size, state)) : ERROR;
}

EXPORT Status API(fmi3GetDirectionalDerivative)(void *instance, const Reference *unknowns, size_t unknown_count,
                                                const Reference *knowns, size_t known_count, const double *seed,
                                                size_t seed_count, double *result, size_t result_count)
{
    if (!instance) return ERROR;
    if (seed_count != known_count || result_count != unknown_count)
        return report(instance, "the seed needs one number for each known, the result one for each unknown");
    return report(instance, directional(instance, unknowns, unknown_count, knowns, known_count, seed, result));
}

EXPORT Status API(fmi3GetAdjointDerivative)(void *instance, const Reference *unknowns, size_t unknown_count,
                                            const Reference *knowns, size_t known_count, const double *seed,
                                            size_t seed_count, double *result, size_t result_count)
{
    Instance *own = instance;
    const char *wrong;
    size_t i, k;
    if (!own) return ERROR;
    if (seed_count != unknown_count || result_count != known_count)
        return report(own, "the seed needs one number for each unknown, the result one for each known");
    wrong = check_derivative(own, unknowns, unknown_count, knowns, known_count);
    if (wrong) return report(own, wrong);
    compute_dydx(own);
    for (k = 0; k < known_count; k++) {
        double sum = 0;
        for (i = 0; i < unknown_count; i++) sum += seed[i] * slope(own, unknowns[i], knowns[k]);
        result[k] = sum;
    }
    return OK;
}

EXPORT Status API(fmi3EnterConfigurationMode)(void *instance)
{
    return unsupported(instance);
}

EXPORT Status API(fmi3ExitConfigurationMode)(void *instance)
{
    return unsupported(instance);
}

EXPORT Status API(fmi3GetIntervalDecimal)(void *instance, const Reference *references, size_t count, double *intervals,
                                          int *qualifiers)
{
    (void)references, (void)intervals, (void)qualifiers;
    return none(instance, count);
}

EXPORT Status API(fmi3GetIntervalFraction)(void *instance, const Reference *references, size_t count,
                                           uint64_t *counters, uint64_t *resolutions, int *qualifiers)
{
    (void)references, (void)counters, (void)resolutions, (void)qualifiers;
    return none(instance, count);
}

EXPORT Status API(fmi3GetShiftDecimal)(void *instance, const Reference *references, size_t count, double *shifts)
{
    (void)references, (void)shifts;
    return none(instance, count);
}

EXPORT Status API(fmi3GetShiftFraction)(void *instance, const Reference *references, size_t count, uint64_t *counters,
                                        uint64_t *resolutions)
{
    (void)references, (void)counters, (void)resolutions;
    return none(instance, count);
}

EXPORT Status API(fmi3SetIntervalDecimal)(void *instance, const Reference *references, size_t count,
                                          const double *intervals)
{
    (void)references, (void)intervals;
    return none(instance, count);
}

EXPORT Status API(fmi3SetIntervalFraction)(void *instance, const Reference *references, size_t count,
                                           const uint64_t *counters, const uint64_t *resolutions)
{
    (void)references, (void)counters, (void)resolutions;
    return none(instance, count);
}

EXPORT Status API(fmi3SetShiftDecimal)(void *instance, const Reference *references, size_t count, const double *shifts)
{
    (void)references, (void)shifts;
    return none(instance, count);
}

EXPORT Status API(fmi3SetShiftFraction)(void *instance, const Reference *references, size_t count,
                                        const uint64_t *counters, const uint64_t *resolutions)
{
    (void)references, (void)counters, (void)resolutions;
    return none(instance, count);
}

EXPORT Status API(fmi3EvaluateDiscreteStates)(void *instance)
{
    return instance ? OK : ERROR;
}

EXPORT Status API(fmi3UpdateDiscreteStates)(void *instance, bool *again, bool *terminate, bool *nominals_changed,
                                            bool *values_changed, bool *next_defined, double *next)
{
    *again = *terminate = *nominals_changed = *values_changed = *next_defined = false;
    *next = 0;
    return instance ? OK : ERROR;
}

EXPORT Status API(fmi3EnterContinuousTimeMode)(void *instance)
{
    return instance ? report(instance, in_model_exchange(instance, 0)) : ERROR;
}

EXPORT Status API(fmi3CompletedIntegratorStep)(void *instance, bool no_set_state, bool *enter_event_mode,
                                               bool *terminate)
{
    (void)no_set_state;
    *enter_event_mode = *terminate = false;
    return instance ? report(instance, in_model_exchange(instance, 0)) : ERROR;
}

EXPORT Status API(fmi3SetTime)(void *instance, double time)
{
    Instance *own = instance;
    if (!own) return ERROR;
    Status status = report(own, in_model_exchange(own, 0));
    if (status == OK) own->values.time = time;
    return status;
}

NO_NUMBERS(fmi3SetContinuousStates, const double *)
NO_NUMBERS(fmi3GetContinuousStateDerivatives, double *)
NO_NUMBERS(fmi3GetEventIndicators, double *)
NO_NUMBERS(fmi3GetContinuousStates, double *)
NO_NUMBERS(fmi3GetNominalsOfContinuousStates, double *)

EXPORT Status API(fmi3GetNumberOfEventIndicators)(void *instance, size_t *count)
{
    *count = 0;
    return instance ? report(instance, in_model_exchange(instance, 0)) : ERROR;
}

EXPORT Status API(fmi3GetNumberOfContinuousStates)(void *instance, size_t *count)
{
    *count = 0;
    return instance ? report(instance, in_model_exchange(instance, 0)) : ERROR;
}

EXPORT Status API(fmi3EnterStepMode)(void *instance)
{
    return unsupported(instance);
}

EXPORT Status API(fmi3GetOutputDerivatives)(void *instance, const Reference *references, size_t count,
                                            const int32_t *orders, double *values, size_t value_count)
{
    (void)references, (void)count, (void)orders, (void)values, (void)value_count;
    return unsupported(instance);
}

EXPORT Status API(fmi3DoStep)(void *instance, double now, double size, bool no_set_state, bool *event_needed,
                              bool *terminate, bool *early_return, double *last_time)
{
    Instance *own = instance;
    Status status;
    (void)no_set_state;
    if (!own) return ERROR;
    status = report(own, advance(own, now, size));
    *event_needed = *terminate = *early_return = false;
    *last_time = own->values.time;
    return status;
}

EXPORT Status API(fmi3ActivateModelPartition)(void *instance, Reference clock, double time)
{
    (void)clock, (void)time;
    return unsupported(instance);
}
