/* The functions of FMI 2.0. Without a macro they have their own names, as in a shared library; FMI2_FUNCTION_PREFIX gives
   them the prefix that static libraries need. */

#include <stddef.h>

#if defined(FMI2_OVERRIDE_FUNCTION_PREFIX)
#if defined(FMI2_ACTUAL_FUNCTION_PREFIX)
#define PREFIX FMI2_ACTUAL_FUNCTION_PREFIX
#endif
#elif defined(FMI2_FUNCTION_PREFIX)
#define PREFIX FMI2_FUNCTION_PREFIX
#endif

#define FIRST_INPUT 1u
#define TIME_IS_A_VARIABLE 0

#include "instance.h"

typedef int Status;
typedef int Boolean;
typedef unsigned int Reference;
typedef const char *Text;
typedef void (*Logger)(void *environment, Text name, Status status, Text category, Text message, ...);

typedef struct {
    Logger log;
    void *(*allocate)(size_t, size_t);
    void (*release)(void *);
    void (*finished)(void *, Status);
    void *environment;
} Callbacks;

typedef struct {
    Boolean again, terminate, nominals_changed, values_changed, next_defined;
    double next;
} EventInfo;

/* The message is a format, of which none here has a % in it. */
static void say(void (*log)(void), void *environment, Text name, Text message)
{
    if (log) ((Logger)log)(environment, name, ERROR, "logStatusError", message);
}

static Status report(Instance *instance, const char *wrong)
{
    if (!wrong) return OK;
    say(instance->log, instance->environment, instance->name, wrong);
    return ERROR;
}

EXPORT const char *API(fmi2GetTypesPlatform)(void)
{
    return "default";
}

EXPORT const char *API(fmi2GetVersion)(void)
{
    return "2.0";
}

EXPORT Status API(fmi2SetDebugLogging)(void *instance, Boolean on, size_t count, const Text categories[])
{
    (void)on, (void)count, (void)categories;
    return instance ? OK : ERROR;
}

EXPORT void *API(fmi2Instantiate)(Text name, int kind, Text token, Text resources, const Callbacks *callbacks,
                                  Boolean visible, Boolean logging)
{
    void (*log)(void) = callbacks ? (void (*)(void))callbacks->log : NULL;
    void *environment = callbacks ? callbacks->environment : NULL;
    const char *wrong = NULL;
    Instance *instance = created(name, token, kind == 0 ? MODEL_EXCHANGE : CO_SIMULATION, &wrong);
    (void)resources, (void)visible, (void)logging;
    if (instance) {
        instance->environment = environment;
        instance->log = log;
    } else {
        say(log, environment, name, wrong);
    }
    return instance;
}

EXPORT void API(fmi2FreeInstance)(void *instance)
{
    released(instance);
}

EXPORT Status API(fmi2SetupExperiment)(void *instance, Boolean tolerance_defined, double tolerance, double start,
                                       Boolean stop_defined, double stop)
{
    Instance *own = instance;
    (void)tolerance_defined, (void)tolerance, (void)stop_defined, (void)stop;
    if (!own) return ERROR;
    if (own->values.phase != INSTANTIATED) return report(own, "the experiment is set up before the initialization");
    own->values.time = own->values.start = start;
    return OK;
}

EXPORT Status API(fmi2EnterInitializationMode)(void *instance)
{
    return instance ? report(instance, changed_phase(instance, INSTANTIATED, INITIALIZATION)) : ERROR;
}

EXPORT Status API(fmi2ExitInitializationMode)(void *instance)
{
    return instance ? report(instance, changed_phase(instance, INITIALIZATION, RUNNING)) : ERROR;
}

EXPORT Status API(fmi2Terminate)(void *instance)
{
    return instance ? report(instance, changed_phase(instance, RUNNING, TERMINATED)) : ERROR;
}

EXPORT Status API(fmi2Reset)(void *instance)
{
    if (!instance) return ERROR;
    start_again(instance);
    return OK;
}

EXPORT Status API(fmi2GetReal)(void *instance, const Reference *references, size_t count, double *values)
{
    return instance ? report(instance, get_values(instance, references, count, values)) : ERROR;
}

EXPORT Status API(fmi2SetReal)(void *instance, const Reference *references, size_t count, const double *values)
{
    return instance ? report(instance, set_values(instance, references, count, values)) : ERROR;
}

#define NO_VARIABLES(Type, type)                                                                                       \
    EXPORT Status API(fmi2Get##Type)(void *instance, const Reference *references, size_t count, type *values)          \
    {                                                                                                                  \
        (void)references, (void)values;                                                                                \
        return none(instance, count);                                                                                  \
    }                                                                                                                  \
    EXPORT Status API(fmi2Set##Type)(void *instance, const Reference *references, size_t count, const type *values)    \
    {                                                                                                                  \
        (void)references, (void)values;                                                                                \
        return none(instance, count);                                                                                  \
    }

static Status none(Instance *instance, size_t count)
{
    if (!instance) return ERROR;
    return count ? report(instance, "there are no variables of this type") : OK;
}

NO_VARIABLES(Integer, int)
NO_VARIABLES(Boolean, Boolean)
NO_VARIABLES(String, Text)

EXPORT Status API(fmi2GetFMUstate)(void *instance, void **state)
{
    return instance ? report(instance, copied(instance, state)) : ERROR;
}

EXPORT Status API(fmi2SetFMUstate)(void *instance, void *state)
{
    return instance ? report(instance, restored(instance, state)) : ERROR;
}

EXPORT Status API(fmi2FreeFMUstate)(void *instance, void **state)
{
    if (!instance) return ERROR;
    if (state) {
        free(*state);
        *state = NULL;
    }
    return OK;
}

EXPORT Status API(fmi2SerializedFMUstateSize)(void *instance, void *state, size_t *size)
{
    (void)state;
    *size = STORED_SIZE;
    return instance ? OK : ERROR;
}

EXPORT Status API(fmi2SerializeFMUstate)(void *instance, void *state, char *bytes, size_t size)
{
    return instance ? report(instance, stored(state, (unsigned char *)bytes, size)) : ERROR;
}

EXPORT Status API(fmi2DeSerializeFMUstate)(void *instance, const char *bytes, size_t size, void **state)
{
    return instance ? report(instance, read_again((const unsigned char *)bytes, size, state)) : ERROR;
}

EXPORT Status API(fmi2GetDirectionalDerivative)(void *instance, const Reference *unknowns, size_t unknown_count,
                                                const Reference *knowns, size_t known_count, const double *seed,
                                                double *result)
{
    if (!instance) return ERROR;
    return report(instance, directional(instance, unknowns, unknown_count, knowns, known_count, seed, result));
}

EXPORT Status API(fmi2EnterEventMode)(void *instance)
{
    return instance ? report(instance, in_model_exchange(instance, 0)) : ERROR;
}

EXPORT Status API(fmi2NewDiscreteStates)(void *instance, EventInfo *info)
{
    memset(info, 0, sizeof *info);
    return instance ? report(instance, in_model_exchange(instance, 0)) : ERROR;
}

EXPORT Status API(fmi2EnterContinuousTimeMode)(void *instance)
{
    return instance ? report(instance, in_model_exchange(instance, 0)) : ERROR;
}

EXPORT Status API(fmi2CompletedIntegratorStep)(void *instance, Boolean no_set_state, Boolean *enter_event_mode,
                                               Boolean *terminate)
{
    (void)no_set_state;
    *enter_event_mode = *terminate = 0;
    return instance ? report(instance, in_model_exchange(instance, 0)) : ERROR;
}

EXPORT Status API(fmi2SetTime)(void *instance, double time)
{
    Instance *own = instance;
    if (!own) return ERROR;
    Status status = report(own, in_model_exchange(own, 0));
    if (status == OK) own->values.time = time;
    return status;
}

NO_NUMBERS(fmi2SetContinuousStates, const double *)
NO_NUMBERS(fmi2GetDerivatives, double *)
NO_NUMBERS(fmi2GetEventIndicators, double *)
NO_NUMBERS(fmi2GetContinuousStates, double *)
NO_NUMBERS(fmi2GetNominalsOfContinuousStates, double *)

static Status unsupported(Instance *instance)
{
    return instance ? report(instance, "this FMU does not support this function") : ERROR;
}

EXPORT Status API(fmi2SetRealInputDerivatives)(void *instance, const Reference *references, size_t count,
                                               const int *orders, const double *values)
{
    (void)references, (void)count, (void)orders, (void)values;
    return unsupported(instance);
}

EXPORT Status API(fmi2GetRealOutputDerivatives)(void *instance, const Reference *references, size_t count,
                                                const int *orders, double *values)
{
    (void)references, (void)count, (void)orders, (void)values;
    return unsupported(instance);
}

EXPORT Status API(fmi2DoStep)(void *instance, double now, double size, Boolean no_set_state)
{
    (void)no_set_state;
    return instance ? report(instance, advance(instance, now, size)) : ERROR;
}

EXPORT Status API(fmi2CancelStep)(void *instance)
{
    return unsupported(instance);
}

/* Every step is complete when fmi2DoStep returns. */

EXPORT Status API(fmi2GetStatus)(void *instance, int kind, Status *value)
{
    (void)kind, (void)value;
    return unsupported(instance);
}

EXPORT Status API(fmi2GetRealStatus)(void *instance, int kind, double *value)
{
    Instance *own = instance;
    if (!own || kind != 2) return unsupported(own);
    *value = own->values.time;
    return OK;
}

EXPORT Status API(fmi2GetIntegerStatus)(void *instance, int kind, int *value)
{
    (void)kind, (void)value;
    return unsupported(instance);
}

EXPORT Status API(fmi2GetBooleanStatus)(void *instance, int kind, Boolean *value)
{
    if (!instance || kind != 3) return unsupported(instance);
    *value = 0;
    return OK;
}

EXPORT Status API(fmi2GetStringStatus)(void *instance, int kind, Text *value)
{
    (void)kind, (void)value;
    return unsupported(instance);
}
