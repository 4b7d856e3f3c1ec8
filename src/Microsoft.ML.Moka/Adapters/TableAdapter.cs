using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>
/// The embedding or the head of an adapter: what stands in place of the backbone's own. It is written out as a whole, in training once a step, in scoring
/// once in all; the gradient of the whole is handed on to what is trained of it.
/// </summary>
internal sealed class TableAdapter : IDisposable
{
    private readonly Backend _backend;
    private readonly List<Parameter> _parameters = [];
    private readonly List<IDisposable> _owned = [];
    private readonly Lock _lock = new();
    private readonly Tensor? _base;
    private readonly Tensor? _tokens;
    private readonly Tensor? _scale;
    private Tensor? _whole;
    private WeightMatrix? _wholeOf;
    private long _version;

    public TableAdapter(Backend backend, TableRule rule, AdapterValues values)
    {
        _backend = backend;
        Rule = rule;
        try
        {
            if (rule.HasBase)
                _base = Own(backend.Upload(TensorKind.Parameter, values.Table(rule.BaseName, rule.Rows, rule.Columns), rule.Rows, rule.Columns));
            switch (rule.Change)
            {
                case TableChange.Replaced:
                    _base = Own(backend.Upload(TensorKind.Parameter, values.Table(rule.WholeName, rule.Rows, rule.Columns), rule.Rows, rule.Columns));
                    break;
                case TableChange.Trained:
                    Train(rule.WholeName, values.Table(rule.WholeName, rule.Rows, rule.Columns), rule.Rows);
                    break;
                case TableChange.TrainedRows:
                    Train(rule.RowsName, values.Table(rule.RowsName, rule.Tokens.Count, rule.Columns), rule.Tokens.Count);
                    _tokens = Own(backend.Upload([.. rule.Tokens]));
                    break;
                default:
                    CreateFactors(values);
                    var scale = new float[rule.Rank * rule.Rank];
                    for (var i = 0; i < rule.Rank; i++)
                        scale[i * rule.Rank + i] = rule.Scale;
                    _scale = Own(backend.Upload(TensorKind.Parameter, scale, rule.Rank, rule.Rank));
                    break;
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public TableRule Rule { get; }

    /// <summary>The table, its trained rows, or LoRA's factors [rank, rows] and [rank, columns].</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>What the change is made to, where the adapter brings it along.</summary>
    public Tensor? Base => _base;

    /// <summary>The changed table.</summary>
    public Variable OnTape(Tape tape, WeightMatrix frozen) => Rule.Change switch
    {
        TableChange.Replaced => tape.Borrow(_base!),
        TableChange.Trained => tape.Trained(_parameters[0]),
        _ when !tape.Recording => tape.Borrow(Whole(frozen)),
        _ => tape.Record(Compute(frozen), true, () => Spread),
    };

    /// <summary>A copy of the changed table, which the caller owns.</summary>
    public Tensor Merge(WeightMatrix frozen) => Rule.Change switch
    {
        TableChange.Replaced => _backend.Clone(_base!),
        TableChange.Trained => _backend.Clone(_parameters[0].Value),
        _ => Compute(frozen),
    };

    public void Dispose()
    {
        foreach (var owned in _owned)
            owned.Dispose();
        _whole?.Dispose();
    }

    private void CreateFactors(AdapterValues values)
    {
        var rank = Rule.Rank;
        AddFactor(Rule.TokenFactorName, Rule.Rows, isStoredTransposed: Rule.Table == TokenTable.Head);
        AddFactor(Rule.ColumnFactorName, Rule.Columns, isStoredTransposed: Rule.Table == TokenTable.Embedding);

        void AddFactor(string name, int length, bool isStoredTransposed) =>
            _parameters.Add(Own(new Parameter(_backend, name, values.Table(name, rank, length, isStoredTransposed), rank, length)));
    }

    private void Train(string name, float[] values, int rows) => _parameters.Add(Own(new Parameter(_backend, name, values, rows, Rule.Columns)));

    private Tensor Whole(WeightMatrix frozen)
    {
        lock (_lock)
        {
            var version = _parameters.Sum(parameter => (long)parameter.Version);
            if (_whole is not null && ReferenceEquals(_wholeOf, frozen) && _version == version)
                return _whole;
            var whole = Compute(frozen);
            _whole?.Dispose();
            (_whole, _wholeOf, _version) = (whole, frozen, version);
            return whole;
        }
    }

    private Tensor Compute(WeightMatrix frozen)
    {
        var whole = _base is null ? _backend.Expand(frozen) : _backend.Clone(_base);
        try
        {
            if (Rule.Change == TableChange.TrainedRows)
            {
                for (var i = 0; i < Rule.Tokens.Count; i++)
                {
                    using var index = _backend.Upload([i]);
                    using var row = _backend.GatherRows(_parameters[0].Value, index);
                    _backend.CopyRows(row, whole, Rule.Tokens[i]);
                }
                return whole;
            }
            using var factor = _backend.AsWeight(_parameters[1].Value);
            using var scaled = _backend.LinearInputGradient(_scale!, factor);
            _backend.AccumulateWeightGradient(_parameters[0].Value, scaled, whole);
            return whole;
        }
        catch
        {
            whole.Dispose();
            throw;
        }
    }

    /// <summary>The gradient of the table as that of what is trained of it.</summary>
    private void Spread(Tensor gradient)
    {
        if (Rule.Change == TableChange.TrainedRows)
        {
            using var rows = _backend.GatherRows(gradient, _tokens!);
            _backend.AddInPlace(_parameters[0].Gradient, rows);
            return;
        }
        var (ofTokens, ofColumns) = (_parameters[0], _parameters[1]);
        using var weight = _backend.AsWeight(gradient);
        using var tokenGradient = _backend.Linear(ofColumns.Value, weight);
        using var columnGradient = _backend.LinearInputGradient(ofTokens.Value, weight);
        // The scale times the identity stands for the scale.
        _backend.AccumulateWeightGradient(_scale!, tokenGradient, ofTokens.Gradient);
        _backend.AccumulateWeightGradient(_scale!, columnGradient, ofColumns.Gradient);
    }

    private T Own<T>(T resource)
        where T : IDisposable
    {
        _owned.Add(resource);
        return resource;
    }
}
