using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Adapters;

/// <summary>
/// Adapters as named tensors in PEFT's style, <c>base_model.model.MAP.TENSOR</c>: PEFT's own <c>lora_A.weight</c>, <c>lora_B.weight</c>,
/// <c>lora_magnitude_vector</c>, <c>lokr_w1</c> and <c>lokr_w2</c> (or <c>_a</c> and <c>_b</c> of either), <c>hira_A</c>, <c>hira_B</c> and
/// <c>miss_block</c>, and in the same manner <c>moka_A.i</c>, <c>moka_B.i</c>, <c>moka_gate</c>, <c>cdka_A.i</c>, <c>cdka_B.i</c>, <c>krona_A</c>,
/// <c>krona_B</c>, <c>pissa_A.weight</c>, <c>pissa_A_start.weight</c> and <c>full_delta</c>.
/// </summary>
internal static class AdapterTensors
{
    private const string Prefix = "base_model.model.";

    public static string NameOf(string name) => Prefix + name;

    public static string NameOf(MapShape map, string tensor) => $"{Prefix}{map.Name}.{tensor}";

    /// <summary>The rows of the first tensor, by name, whose name ends so: a rank that a configuration does not give.</summary>
    public static int? RowsIn(SafetensorsFile tensors, string end)
    {
        var name = tensors.Names.Where(n => n.EndsWith(end, StringComparison.Ordinal)).Order(StringComparer.Ordinal).FirstOrDefault();
        return name is not null && tensors[name].Shape is [var rows and > 0, _] ? rows : null;
    }

    public static IEnumerable<SafetensorsTensor> From(Backend backend, AdapterSet adapters) =>
        From(backend, adapters, parameter => parameter.Value, isOfGradients: false).Concat(adapters.Tables.SelectMany(table => Bases(backend, table)));

    /// <summary>The gradients under the names of what they belong to.</summary>
    public static IEnumerable<SafetensorsTensor> GradientsOf(Backend backend, AdapterSet adapters) =>
        From(backend, adapters, parameter => parameter.Gradient, isOfGradients: true);

    /// <summary>Adapters of the kind and on the maps that the options name, with the values that a file holds.</summary>
    /// <exception cref="InvalidDataException">A tensor is missing, has another shape or is one too many, or a value is not finite.</exception>
    public static AdapterSet Load(Backend backend, AdapterOptions options, IEnumerable<MapShape> maps, SafetensorsFile file)
    {
        var values = new StoredValues(file);
        var adapters = AdapterSet.Create(backend, options, maps, values);
        if (values.FindUnread() is not { } unread)
            return adapters;
        adapters.Dispose();
        throw new InvalidDataException($"{file.Name}: the tensor '{unread}' belongs to none of the maps that the adapter's options name.");
    }

    private static IEnumerable<SafetensorsTensor> From(Backend backend, AdapterSet adapters, Func<Parameter, Tensor> select, bool isOfGradients) =>
        adapters.Adapters.SelectMany(adapter => From(backend, adapter, select, isOfGradients))
            .Concat(adapters.Tables.SelectMany(table => From(backend, table, select)))
            .Concat(adapters.Biases.Select(bias => Vector(backend, NameOf(bias.Bias.Map, bias.Bias.Name), select(bias.Parameter))))
            .Concat(adapters.Head is { } head ? [Of(backend, head.Parameter.Name, select(head.Parameter))] : []);

    private static SafetensorsTensor Vector(Backend backend, string name, Tensor tensor)
    {
        var values = new float[tensor.Length];
        backend.Download(tensor, values);
        return SafetensorsTensor.Of(name, values, values.Length);
    }

    private static IEnumerable<SafetensorsTensor> From(Backend backend, TableAdapter table, Func<Parameter, Tensor> select)
    {
        var rule = table.Rule;
        for (var i = 0; i < table.Parameters.Count; i++)
        {
            var isTransposed = rule.Change == TableChange.LowRank && (rule.Table == TokenTable.Head) == (i == 0);
            yield return Of(backend, table.Parameters[i].Name, select(table.Parameters[i]), isTransposed);
        }
    }

    /// <summary>What is not trained, and in the file because the backbone has another or none.</summary>
    private static IEnumerable<SafetensorsTensor> Bases(Backend backend, TableAdapter table) => table.Base is { } whole
        ? [Of(backend, table.Rule.Change == TableChange.Replaced ? table.Rule.WholeName : table.Rule.BaseName, whole)]
        : [];

    private static SafetensorsTensor Of(Backend backend, string name, Tensor tensor, bool isTransposed = false)
    {
        var values = new float[tensor.Length];
        backend.Download(tensor, values);
        return isTransposed
            ? SafetensorsTensor.Of(Prefix + name, Transpose(values, tensor.Rows, tensor.Columns), tensor.Columns, tensor.Rows)
            : SafetensorsTensor.Of(Prefix + name, values, tensor.Rows, tensor.Columns);
    }

    private static IEnumerable<SafetensorsTensor> From(Backend backend, Adapter adapter, Func<Parameter, Tensor> select, bool isOfGradients)
    {
        var map = adapter.Plan.Map;
        foreach (var (rule, stack, value, parameter) in adapter.StoredFactors)
        {
            // What is not trained has no gradient.
            if (parameter is null && isOfGradients)
                continue;
            var values = Download(parameter is null ? value : select(parameter));
            switch (rule.Storage)
            {
                case FactorStorage.PerFilter:
                    var size = stack.Rows * stack.Columns;
                    for (var i = 0; i < stack.Count; i++)
                        yield return SafetensorsTensor.Of(
                            NameOf(map, $"{rule.Name}.{stack.First + i}"), values.AsSpan(i * size, size), stack.Rows, stack.Columns);
                    break;
                case FactorStorage.Transposed:
                    yield return SafetensorsTensor.Of(NameOf(map, rule.Name), Transpose(values, stack.Rows, stack.Columns), stack.Columns, stack.Rows);
                    break;
                default:
                    yield return Interleaved(NameOf(map, rule.Name), values, rule.Storage, stack);
                    break;
            }
        }
        if (adapter.Gates is { } gates)
            yield return SafetensorsTensor.Of(NameOf(map, ((SoftmaxGates)adapter.Plan.Coefficients).Name), Download(select(gates)), (int)gates.Length);
        if (adapter.Magnitude is { } magnitude)
            yield return SafetensorsTensor.Of(NameOf(map, adapter.Plan.Magnitude!.Name), Download(select(magnitude)), (int)magnitude.Length);
        if (adapter.Bias is { } bias)
            yield return SafetensorsTensor.Of(NameOf(map, adapter.Plan.Bias!.Name), Download(select(bias.Parameter)), (int)bias.Parameter.Length);

        float[] Download(Tensor tensor)
        {
            var values = new float[tensor.Length];
            backend.Download(tensor, values);
            return values;
        }
    }

    /// <summary>The one tensor of stacked factors.</summary>
    public static SafetensorsTensor Interleaved(string name, float[] stacked, FactorStorage storage, FactorStack stack)
    {
        var values = new float[stacked.Length];
        foreach (var (inStack, inFile) in Places(storage, stack))
            values[inFile] = stacked[inStack];
        return storage == FactorStorage.InterleavedRows
            ? SafetensorsTensor.Of(name, values, stack.Count * stack.Rows, stack.Columns)
            : SafetensorsTensor.Of(name, values, stack.Rows, stack.Columns * stack.Count);
    }

    /// <summary>The stacked factors of one tensor.</summary>
    public static float[] Stacked(float[] interleaved, FactorStorage storage, FactorStack stack)
    {
        var values = new float[interleaved.Length];
        foreach (var (inStack, inFile) in Places(storage, stack))
            values[inStack] = interleaved[inFile];
        return values;
    }

    /// <summary>Where each element stands in the stack, and where in the tensor.</summary>
    private static IEnumerable<(int InStack, int InFile)> Places(FactorStorage storage, FactorStack stack)
    {
        var (count, rows, columns) = (stack.Count, stack.Rows, stack.Columns);
        var inStack = 0;
        for (var i = 0; i < count; i++)
            for (var row = 0; row < rows; row++)
                for (var column = 0; column < columns; column++)
                    yield return (
                        inStack++, storage == FactorStorage.InterleavedRows ? (row * count + i) * columns + column : (row * columns + column) * count + i);
    }

    private static float[] Transpose(float[] values, int rows, int columns)
    {
        var transposed = new float[values.Length];
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < columns; column++)
                transposed[column * rows + row] = values[row * columns + column];
        return transposed;
    }

    private sealed class StoredValues(SafetensorsFile file) : AdapterValues
    {
        // PEFT's wrappers keep what they replace, which nothing is computed with.
        private readonly HashSet<string> _unread =
        [
            .. file.Names.Except(Enum.GetValues<TokenTable>().Select(TableRule.ModuleOf).Append(ScoreHeadRule.Module)
                .Select(module => NameOf($"{module}.original_module.weight"))),
        ];

        public override float[] Factors(MapShape map, FactorRule rule, FactorStack stack)
        {
            switch (rule.Storage)
            {
                case FactorStorage.PerFilter:
                    var size = stack.Rows * stack.Columns;
                    var values = new float[stack.Length];
                    for (var i = 0; i < stack.Count; i++)
                        Read(NameOf(map, $"{rule.Name}.{stack.First + i}"), stack.Rows, stack.Columns).CopyTo(values, i * size);
                    return values;
                case FactorStorage.InterleavedRows:
                    return Stacked(Read(NameOf(map, rule.Name), stack.Count * stack.Rows, stack.Columns), rule.Storage, stack);
                case FactorStorage.Transposed:
                    return Transpose(Read(NameOf(map, rule.Name), stack.Columns, stack.Rows), stack.Columns, stack.Rows);
                default:
                    return Stacked(Read(NameOf(map, rule.Name), stack.Rows, stack.Columns * stack.Count), rule.Storage, stack);
            }
        }

        public override float[] Gates(MapShape map, SoftmaxGates rule, int count) => Read(NameOf(map, rule.Name), count);

        public override float[] Magnitudes(MapShape map, MagnitudeRule rule) => Read(NameOf(map, rule.Name), map.Rows);

        public override float[] Bias(MapShape map, BiasRule rule) => Read(NameOf(map, rule.Name), map.Rows);

        public override float[] Bias(TrainedBias bias) => Read(NameOf(bias.Map, bias.Name), bias.Map.Rows);

        public override float[] Table(string name, int rows, int columns, bool isStoredTransposed = false) => isStoredTransposed
            ? Transpose(Read(Prefix + name, columns, rows), columns, rows)
            : Read(Prefix + name, rows, columns);

        // An adapter that had none gets a new one where that is wanted.
        public override float[] Head(ScoreHeadRule rule) => file.Contains(NameOf(ScoreHeadRule.TensorName))
            ? Read(NameOf(ScoreHeadRule.TensorName), rule.Outputs, rule.Columns)
            : base.Head(rule);

        public string? FindUnread() => _unread.Order(StringComparer.Ordinal).FirstOrDefault();

        private float[] Read(string name, params int[] shape)
        {
            var tensor = file[name];
            if (!tensor.Shape.SequenceEqual(shape))
                throw tensor.Invalid($"has the shape {tensor.ShapeText}, where the adapter's options ask for {SafetensorsTensor.ShapeToText(shape)}");
            var values = tensor.ToFloats();
            if (Array.Exists(values, value => !float.IsFinite(value)))
                throw tensor.Invalid("holds a NaN or an infinity");
            _unread.Remove(name);
            return values;
        }
    }
}
