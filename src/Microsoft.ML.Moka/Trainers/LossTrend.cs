namespace Microsoft.ML.Moka.Trainers;

/// <summary>Tells whether a training ended before it was done: while its loss was still falling.</summary>
internal sealed class LossTrend
{
    private const int Parts = 4;
    private const int FewestSteps = 12;

    // Below it, what is left to learn shows in no answer.
    private const double Learned = 0.05;

    // How much lower the last part has to be, above what the loss moves by from step to step.
    private const double Falling = 0.8;

    private readonly double[] _sums = new double[Parts];
    private readonly int[] _counts = new int[Parts];
    private readonly List<double> _validation = [];

    public void Add(TrainingProgress progress)
    {
        if (progress.ValidationLoss is { } validation)
            _validation.Add(validation);
        if (progress.Steps < FewestSteps)
            return;
        var part = (int)((progress.Step - 1L) * Parts / progress.Steps);
        _sums[part] += progress.Loss;
        _counts[part]++;
    }

    /// <summary>What to say; null where the loss had come to rest, or there were too few steps to tell.</summary>
    public string? Remark()
    {
        if (_counts[^1] == 0 || _counts[^2] == 0)
            return null;
        var (earlier, last) = (_sums[^2] / _counts[^2], _sums[^1] / _counts[^1]);
        var isFalling = last > Learned && last < Falling * earlier;
        // What is learned by heart falls too: the validation set knows better.
        if (!isFalling || (_validation.Count > 0 && (_validation.Count < 2 || _validation[^1] > _validation[..^1].Min())))
            return null;
        return FormattableString.Invariant(
            $"The loss was still falling at the end (mean {earlier:0.000} in the third quarter of the steps, {last:0.000} in the last): ") +
            $"more epochs may make a better model ({nameof(TuningOptions.NumberOfEpochs)}), or a higher {nameof(TuningOptions.LearningRate)}.";
    }
}
