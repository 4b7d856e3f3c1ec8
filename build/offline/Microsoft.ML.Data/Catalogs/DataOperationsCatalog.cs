using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace Microsoft.ML;

public sealed class DataOperationsCatalog : IInternalCatalog
{
    private readonly LocalEnvironment _env;

    internal DataOperationsCatalog(LocalEnvironment env) => _env = env;

    IHostEnvironment IInternalCatalog.Environment => _env;

    public struct TrainTestData
    {
        public readonly IDataView TrainSet;
        public readonly IDataView TestSet;

        internal TrainTestData(IDataView trainSet, IDataView testSet)
        {
            TrainSet = trainSet;
            TestSet = testSet;
        }
    }

    public IDataView LoadFromEnumerable<TRow>(IEnumerable<TRow> data, SchemaDefinition schemaDefinition = null)
        where TRow : class
    {
        ArgumentNullException.ThrowIfNull(data);
        return new EnumerableView<TRow>(data, schemaDefinition);
    }

    public IDataView LoadFromEnumerable<TRow>(IEnumerable<TRow> data, DataViewSchema schema)
        where TRow : class
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(schema);
        return new EnumerableView<TRow>(data, MemberColumn<TRow>.DefinitionFor(schema));
    }

    public IEnumerable<TRow> CreateEnumerable<TRow>(
        IDataView data,
        bool reuseRowObject,
        bool ignoreMissingColumns = false,
        SchemaDefinition schemaDefinition = null)
        where TRow : class, new()
    {
        ArgumentNullException.ThrowIfNull(data);
        return Rows(data, new ObjectWriter<TRow>(data.Schema, ignoreMissingColumns, schemaDefinition), reuseRowObject);
    }

    public IDataView Cache(IDataView input, params string[] columnsToPrefetch)
    {
        ArgumentNullException.ThrowIfNull(input);
        var prefetched = (columnsToPrefetch ?? []).Select(name => Find(input.Schema, name, nameof(columnsToPrefetch), "prefetch")).ToArray();
        var view = new MemoryView(input, MemoryView.OwnOrder);
        if (prefetched.Length > 0)
            view.Fill(new ActiveColumns(input.Schema, prefetched));
        return view;
    }

    public IDataView ShuffleRows(IDataView input, int? seed = null, int shufflePoolSize = 1000, bool shuffleSource = true)
    {
        ArgumentNullException.ThrowIfNull(input);
        Checks.Param(shufflePoolSize > 0, nameof(shufflePoolSize), "Must be positive");
        var fixedSeed = seed ?? _env.Rand.Next();
        return new MemoryView(input, (rand, count) => MemoryView.RandomOrder(rand ?? new Random(fixedSeed), count));
    }

    public IDataView SkipRows(IDataView input, long count)
    {
        ArgumentNullException.ThrowIfNull(input);
        Checks.Param(count > 0, nameof(count), "Must be greater than zero.");
        return new RangeView(input, count, long.MaxValue);
    }

    public IDataView TakeRows(IDataView input, long count)
    {
        ArgumentNullException.ThrowIfNull(input);
        Checks.Param(count > 0, nameof(count), "Must be greater than zero.");
        return new RangeView(input, 0, count);
    }

    public TrainTestData TrainTestSplit(IDataView data, double testFraction = 0.1, string samplingKeyColumnName = null, int? seed = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        Checks.Param(0 < testFraction && testFraction < 1, nameof(testFraction), "Must be between 0 and 1 exclusive");
        return new RowSampler(data, samplingKeyColumnName, seed ?? _env.Seed ?? _env.Rand.Next()).Split(0, testFraction);
    }

    public IReadOnlyList<TrainTestData> CrossValidationSplit(IDataView data, int numberOfFolds = 5, string samplingKeyColumnName = null, int? seed = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        Checks.Param(numberOfFolds > 1, nameof(numberOfFolds), "Must be more than 1");
        var sampler = new RowSampler(data, samplingKeyColumnName, seed ?? _env.Seed ?? _env.Rand.Next());
        return [.. Enumerable.Range(0, numberOfFolds).Select(fold => sampler.Split((double)fold / numberOfFolds, (fold + 1.0) / numberOfFolds))];
    }

    internal static DataViewSchema.Column Find(DataViewSchema schema, string name, string paramName, string role) =>
        schema.GetColumnOrNull(name) ?? throw new ArgumentOutOfRangeException(paramName, $"Could not find {role} column '{name}'");

    private static IEnumerable<TRow> Rows<TRow>(IDataView data, ObjectWriter<TRow> writer, bool reuseRowObject)
        where TRow : class, new()
    {
        using var cursor = data.GetRowCursor(writer.Columns);
        var fill = writer.Bind(cursor);
        TRow row = null;
        while (cursor.MoveNext())
        {
            if (!reuseRowObject || row is null)
                row = new TRow();
            fill(row);
            yield return row;
        }
    }
}
