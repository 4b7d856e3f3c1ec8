using System.Reflection;

namespace Microsoft.ML.Data;

/// <summary>
/// Gives each row a number in [0, 1): by its place in the view, or by its value in a column, so that equal values stay
/// together.
/// </summary>
internal sealed class RowSampler
{
    private readonly IDataView _data;
    private readonly DataViewSchema.Column? _key;
    private readonly int _seed;

    public RowSampler(IDataView data, string keyColumn, int seed)
    {
        _data = data;
        _seed = seed;
        if (keyColumn is not null)
            _key = DataOperationsCatalog.Find(data.Schema, keyColumn, "samplingKeyColumn", "SamplingKeyColumn");
    }

    /// <summary>Rows numbered from <paramref name="low"/> up to <paramref name="high"/> are the test set.</summary>
    public DataOperationsCatalog.TrainTestData Split(double low, double high)
    {
        IDataView Where(bool inside) => new FilteredView(_data, row =>
        {
            var number = CreateNumbers(row);
            return () => number() is var value && (low <= value && value < high) == inside;
        }, _key);
        return new DataOperationsCatalog.TrainTestData(Where(inside: false), Where(inside: true));
    }

    private Func<double> CreateNumbers(DataViewRow row)
    {
        if (_key is not { } key)
            return new Random(_seed).NextDouble;
        var make = typeof(RowSampler).GetMethod(nameof(CreateKeyNumbers), BindingFlags.Instance | BindingFlags.NonPublic);
        return (Func<double>)make.MakeGenericMethod(key.Type.RawType).Invoke(this, [row, key]);
    }

    private Func<double> CreateKeyNumbers<TValue>(DataViewRow row, DataViewSchema.Column key)
    {
        var getter = row.GetGetter<TValue>(key);
        TValue value = default;
        return () =>
        {
            getter(ref value);
            // FNV-1a of the text: the same in every process, as a hash code of .NET is not.
            var hash = 2166136261u ^ (uint)_seed;
            foreach (var c in value.ToString())
                hash = (hash ^ c) * 16777619u;
            return new Random((int)hash).NextDouble();
        };
    }
}
