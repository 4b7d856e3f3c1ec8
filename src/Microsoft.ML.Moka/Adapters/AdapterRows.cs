using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>Which rows of a batch belong to which adapters: rows of several models that go through one backbone together.</summary>
internal sealed class AdapterRows
{
    private readonly List<(AdapterSet Set, Tensor Rows)> _groups = [];
    private readonly int _count;

    /// <param name="tape">What the pass is on: it keeps the numbers of the rows.</param>
    /// <param name="sets">The adapters of each row.</param>
    public AdapterRows(Tape tape, IReadOnlyList<AdapterSet> sets)
    {
        if (tape.Recording)
            throw new ArgumentException("Rows of several adapters serve decoding, not training: the tape must not record.", nameof(tape));
        _count = sets.Count;
        foreach (var group in sets.Index().GroupBy(row => row.Item, ReferenceEqualityComparer.Instance))
            _groups.Add(((AdapterSet)group.Key!, tape.Own(tape.Backend.Upload([.. group.Select(row => row.Index)])).Value));
    }

    /// <summary>
    /// What each row's adapter makes of it. Where updates are computed beside the frozen map, that is multiplied once for all rows; where they are added to the
    /// expanded weight, once for each adapter. Either way a row is computed as if its adapter were alone.
    /// </summary>
    public Variable Forward(Tape tape, Variable x, string map, WeightMatrix weight, AdapterPass pass)
    {
        if (_groups.TrueForAll(group => group.Set.Find(map) is null))
            return tape.Linear(x, weight);
        if (_groups is [var only])
            return only.Set.Find(map)!.Forward(tape, x, weight, pass);
        var backend = tape.Backend;
        using var frozen = pass.TwoPaths ? tape.Linear(x, weight) : null;
        var result = backend.Zeros(x.Value.Kind, _count, weight.Rows);
        try
        {
            foreach (var (set, rows) in _groups)
            {
                using var own = tape.GatherRows(x, rows);
                using var y = Of(set.Find(map), own, rows);
                using var spread = backend.ScatterRows(y.Value, rows, _count);
                backend.AddInPlace(result, spread);
            }
            return tape.Own(result);
        }
        catch
        {
            result.Dispose();
            throw;
        }

        Variable Of(Adapter? adapter, Variable own, Tensor rows)
        {
            if (frozen is null)
                return adapter is null ? tape.Linear(own, weight) : adapter.Forward(tape, own, weight, pass);
            var part = tape.GatherRows(frozen, rows);
            return adapter is null ? part : adapter.Beside(tape, own, part, weight);
        }
    }
}
