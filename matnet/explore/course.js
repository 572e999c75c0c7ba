/** A series through a dynamic network, from the states before it; the inputs of the step `time` − `lag` can be changed. */
class Course {
    constructor(series, network) {
        this.network = network;
        this.given = series.x;
        this.most = series.lags;
        this.start = Float64Array.from(series.states);
        this.time = series.x.length - 1;
        this.lag = 0;
        this.restart();
        this.first = this.outputs();
    }

    restart() {
        this.x = this.given.map((row) => row.slice());
        this.steps = [];
        this.run(0);
    }

    look(time, lag) {
        this.time = time;
        this.lag = Math.min(lag, time);
    }

    get source() {
        return this.time - this.lag;
    }

    inputs() {
        return this.x[this.source];
    }

    series() {
        return this.x;
    }

    outputs() {
        return this.steps.map((step) => step.y);
    }

    before(time) {
        return time ? this.steps[time - 1].nextStates : this.start;
    }

    run(from) {
        for (let time = from; time < this.x.length; time++) {
            this.steps[time] = this.network.step(this.x[time], this.before(time));
        }
    }

    change(x) {
        const known = this.inputs();
        if (x.every((value, j) => Object.is(value, known[j]))) return;
        this.x[this.source] = x.slice();
        this.run(this.source);
    }

    /** y at `time` with other inputs at the source. */
    value(x) {
        let found = this.network.step(x, this.before(this.source));
        for (let time = this.source + 1; time <= this.time; time++)
            found = this.network.step(this.x[time], found.nextStates);
        return found.y;
    }

    /** y at `time`, and its derivatives with respect to the inputs at every lag, in one pass back in time. */
    slopes() {
        const { y, dydx, dydstates } = this.network.stepAndJacobian(this.x[this.time], this.before(this.time));
        const profile = [dydx];
        let carried = dydstates;
        for (let lag = 1; lag <= Math.min(this.most, this.time); lag++) {
            const time = this.time - lag;
            const { dnextdx, dnextdstates } = this.network.stepAndJacobian(this.x[time], this.before(time));
            profile.push(carried.map((row) => this.times(row, dnextdx)));
            carried = carried.map((row) => this.times(row, dnextdstates));
        }
        return { y, dydx: profile[this.lag], profile };
    }

    /** A row times a matrix; what has no effect contributes nothing, even beside NaN. */
    times(row, matrix) {
        const found = new Float64Array(matrix.length ? matrix[0].length : 0);
        row.forEach((value, k) => {
            if (value !== 0)
                matrix[k].forEach((other, j) => {
                    if (other !== 0) found[j] += value * other;
                });
        });
        return found;
    }
}
