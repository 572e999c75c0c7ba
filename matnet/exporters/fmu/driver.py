"""The program that runs FMUs in FMPy: ``jobs.json in.bin out.bin``, without matnet."""

from __future__ import annotations

DRIVER = """\
import json
import shutil
import struct
import sys

import fmpy
import numpy as np
from fmpy.fmi2 import FMU2Model, FMU2Slave
from fmpy.fmi3 import FMU3Model, FMU3Slave
from fmpy.validation import validate_fmu


class Unit:
    # an FMU, with one name for what differs between the versions of FMI

    def __init__(self, path):
        problems = validate_fmu(path)
        if problems:
            sys.exit(" | ".join(problems))
        self.description = fmpy.read_model_description(path)
        self.folder = fmpy.extract(path)
        variables = self.description.modelVariables
        self.inputs = [v.valueReference for v in variables if v.causality == "input"]
        self.outputs = [v.valueReference for v in variables if v.causality == "output"]
        self.fmi2 = self.description.fmiVersion == "2.0"

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def begin(self, exchange):
        # a new instance, in the mode after its initialization
        kind = {(True, True): FMU2Model, (True, False): FMU2Slave, (False, True): FMU3Model, (False, False): FMU3Slave}
        interface = self.description.modelExchange if exchange else self.description.coSimulation
        fmu = kind[self.fmi2, exchange](
            guid=self.description.guid,
            unzipDirectory=self.folder,
            modelIdentifier=interface.modelIdentifier,
            instanceName="unit",
        )
        fmu.instantiate()
        if self.fmi2:
            fmu.setupExperiment(startTime=0.0)
        fmu.enterInitializationMode()
        fmu.exitInitializationMode()
        return fmu

    def set(self, fmu, x):
        if self.inputs:
            (fmu.setReal if self.fmi2 else fmu.setFloat64)(self.inputs, x.tolist())

    def get(self, fmu):
        return np.array((fmu.getReal if self.fmi2 else fmu.getFloat64)(self.outputs))

    def slopes(self, fmu):
        # dy/dx, one column for each input
        found = np.zeros((len(self.outputs), len(self.inputs)))
        for number, known in enumerate(self.inputs):
            found[:, number] = fmu.getDirectionalDerivative(self.outputs, [known], [1.0])
        return found


def evaluated(unit, x, slopes):
    # y, and dy/dx if asked for, of every row: y by model exchange, y and dy/dx by co-simulation
    fmu = unit.begin(exchange=not slopes)
    y, dydx = [], []
    for row in x:
        unit.set(fmu, row)
        y.append(unit.get(fmu))
        if slopes:
            dydx.append(unit.slopes(fmu))
    fmu.terminate()
    fmu.freeInstance()
    count, sizes = len(x), (len(unit.outputs), len(unit.inputs))
    results = [np.array(y).reshape(count, sizes[0])]
    return [*results, np.array(dydx).reshape(count, *sizes)] if slopes else results


def stepped(unit, x, states, slopes):
    # y and the next states of every row, or y and dy/dx if asked for,
    # by an instance whose states are set and read as it serializes them
    fmu = unit.begin(exchange=False)
    R, N = x.shape[1], states.shape[1]
    wide, deep = max(R, 1), max(N, 1)
    state = fmu.getFMUState()
    stored = fmu.serializeFMUState(state)
    head = len(stored) - 8 * (4 + 2 * wide + 2 * deep)
    first = 4 + wide
    y, following, dydx = [], [], []
    for row, before in zip(x, states):
        numbers = list(struct.unpack(f"{(len(stored) - head) // 8}d", stored[head:]))
        numbers[first : first + N] = before
        restored = fmu.deserializeFMUState(stored[:head] + struct.pack(f"{len(numbers)}d", *numbers))
        fmu.setFMUState(restored)
        unit.set(fmu, row)
        size = unit.description.defaultExperiment.stepSize
        fmu.doStep(currentCommunicationPoint=0.0, communicationStepSize=float(size))
        y.append(unit.get(fmu))
        after = fmu.getFMUState()
        numbers = struct.unpack(f"{(len(stored) - head) // 8}d", fmu.serializeFMUState(after)[head:])
        following.append(numbers[first : first + N])
        if slopes:
            dydx.append(unit.slopes(fmu))
        fmu.freeFMUState(after)
        fmu.freeFMUState(restored)
    fmu.freeFMUState(state)
    fmu.terminate()
    fmu.freeInstance()
    count, S = len(x), len(unit.outputs)
    other = np.array(dydx).reshape(count, S, R) if slopes else np.array(following).reshape(count, N)
    return [np.array(y).reshape(count, S), other]


def main(listing, arguments, answers):
    units = {}
    with open(listing, encoding="utf-8") as file:
        jobs = json.load(file)
    with open(arguments, "rb") as source, open(answers, "wb") as sink:
        for job in jobs:
            if job["path"] not in units:
                units[job["path"]] = Unit(job["path"])
            unit = units[job["path"]]
            shapes = [(job["rows"], size) for size in job["sizes"]]
            arrays = [np.fromfile(source, count=rows * size).reshape(rows, size) for rows, size in shapes]
            if job["function"].startswith("step"):
                results = stepped(unit, *arrays, slopes=job["function"] == "step_and_jacobian")
            else:
                results = evaluated(unit, arrays[0], slopes=job["function"] == "value_and_jacobian")
            for result in results:
                result.tofile(sink)
    for unit in units.values():
        unit.close()


main(*sys.argv[1:])
"""
