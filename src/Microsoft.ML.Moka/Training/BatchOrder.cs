using Microsoft.ML.Moka.Text;

namespace Microsoft.ML.Moka.Training;

/// <summary>
/// Which examples go into which step. An epoch's order is a function of the seed and its number, so that a place in the order is all that a
/// resumed run needs. The last step of an epoch may have fewer batches than the others.
/// </summary>
internal sealed class BatchOrder
{
    private const int MostPlannedRows = 1 << 25;
    private const int FewestPlannedEpochs = 100;

    private readonly int[] _lengths;
    private readonly TrainingPlan _plan;
    private int[][] _batches = [];
    private int _plannedEpoch = -1;

    public BatchOrder(IReadOnlyList<TrainingExample> examples, TrainingPlan plan, CancellationToken cancellation = default)
    {
        _lengths = [.. examples.Select(e => e.InputCount)];
        _plan = plan;
        var steps = plan.NumberOfSteps ?? StepsOf(plan.NumberOfEpochs, cancellation);
        Steps = plan.StepShare is { } share ? Math.Max(Math.Min(steps, 1), (int)Math.Round(share * steps)) : steps;
    }

    /// <summary>All steps of the run.</summary>
    public int Steps { get; }

    /// <summary>
    /// Steps of epochs: each is planned, as an epoch's batches depend on its order. Of more epochs than anybody waits for, the first are taken for all.
    /// </summary>
    private int StepsOf(int epochs, CancellationToken cancellation)
    {
        var planned = (int)Math.Clamp(MostPlannedRows / Math.Max(1, _lengths.Length), Math.Min(epochs, FewestPlannedEpochs), epochs);
        var steps = 0L;
        for (var epoch = 0; epoch < planned; epoch++)
        {
            cancellation.ThrowIfCancellationRequested();
            steps += (Batches(epoch).Length - 1) / _plan.GradientAccumulation + 1;
        }
        return (int)Math.Min(planned == epochs ? steps : Math.Ceiling((double)steps / planned * epochs), int.MaxValue);
    }

    /// <summary>The batches of the step that begins at this place, as indices of examples, and the place after it.</summary>
    public (ArraySegment<int[]> Batches, BatchPlace Next) Step(BatchPlace place)
    {
        var batches = Batches(place.Epoch);
        var count = Math.Min(_plan.GradientAccumulation, batches.Length - place.Batch);
        var end = place.Batch + count;
        return (new ArraySegment<int[]>(batches, place.Batch, count), end < batches.Length ? place with { Batch = end } : new BatchPlace(place.Epoch + 1, 0));
    }

    /// <summary>Whether there is such a place.</summary>
    public bool Contains(BatchPlace place) => place is { Epoch: >= 0, Batch: >= 0 } && (place.Batch == 0 || place.Batch < Batches(place.Epoch).Length);

    /// <summary>Epochs that have been seen at a place, with a fraction.</summary>
    public double Epochs(BatchPlace place) => place.Batch == 0 ? place.Epoch : place.Epoch + (double)place.Batch / Batches(place.Epoch).Length;

    private int[][] Batches(int epoch)
    {
        if (epoch != _plannedEpoch)
        {
            _batches = LengthBuckets.Plan(_lengths, _plan.BatchTokens, _plan.Seed, epoch, _plan.BatchRows);
            _plannedEpoch = epoch;
        }
        return _batches;
    }
}

/// <summary>A batch within an epoch, both counted from 0.</summary>
internal readonly record struct BatchPlace(int Epoch, int Batch);
