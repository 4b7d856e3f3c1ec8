using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Quantization;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Interchange;

/// <summary>
/// The tensors of a checkpoint with other linear maps, each made when it is to be written. All tensors that are no linear map are taken over byte by
/// byte, but for what only Moka reads.
/// </summary>
internal sealed class MergedTensors
{
    private readonly Checkpoint _checkpoint;
    private readonly Dictionary<string, MapShape> _linearMaps;
    private readonly WeightSource _weights;
    private readonly HashSet<string> _adapted;
    private readonly QuantizationOptions _quantization;
    private readonly MergedTables? _tables;
    private readonly int _columns;
    private readonly IReadOnlyDictionary<string, float[]>? _biases;
    private readonly MergedHead? _head;

    /// <param name="checkpoint">The backbone's checkpoint.</param>
    /// <param name="config">Its shape.</param>
    /// <param name="weights">Where the linear maps come from.</param>
    /// <param name="adapted">The names of those that are not what the checkpoint has.</param>
    /// <param name="quantization">The form that linear maps are written in.</param>
    /// <param name="tables">Embedding and head that are not what the checkpoint has; null where they are.</param>
    /// <param name="biases">Biases that it has not, or not so; null where it has all.</param>
    /// <param name="head">What takes the place of the head over the vocabulary; null for that.</param>
    public MergedTensors(
        Checkpoint checkpoint, LlamaConfig config, WeightSource weights, IEnumerable<string> adapted, BackboneQuantization quantization,
        MergedTables? tables = null, IReadOnlyDictionary<string, float[]>? biases = null, MergedHead? head = null)
    {
        _head = head;
        _tables = tables;
        _columns = config.HiddenSize;
        _biases = biases;
        _checkpoint = checkpoint;
        _linearMaps = config.LinearMaps.ToDictionary(TensorNames.Of, StringComparer.Ordinal);
        _weights = weights;
        _adapted = [.. adapted];
        _quantization = new QuantizationOptions(quantization);
        var table = checkpoint[checkpoint.Contains(TensorNames.Embedding) ? TensorNames.Embedding : TensorNames.Head];
        Format = SafetensorsTensor.FormatOf(table.Type) ?? DenseFormat.Float32;
        if (_linearMaps.Keys.FirstOrDefault(name => !checkpoint.Contains(name)) is { } missing)
            throw new InvalidDataException($"{checkpoint.Location} has no tensor '{missing}'.");
    }

    /// <summary>The format of the backbone: that of its embedding, which stays dense where linear maps are quantized.</summary>
    public DenseFormat Format { get; }

    public IEnumerable<TensorGroup> Groups()
    {
        if (_head is not null)
            yield return _head.Tensor(Format);
        var names = _checkpoint.Names.Concat(_tables?.Names ?? []).Concat(_biases?.Keys ?? []).Distinct().Order(StringComparer.Ordinal).ToList();
        // A checkpoint may hold a tied embedding under the head's name alone.
        var isEmbedding = !names.Contains(TensorNames.Embedding);
        foreach (var name in names)
        {
            if (GroupOf(name) is not { } group)
                continue;
            if (_head is null || !MergedHead.Replaces(name))
                yield return group;
            else if (name == TensorNames.Head && isEmbedding)
                yield return Renamed(group, TensorNames.Embedding);
        }
    }

    /// <summary>Null where the name is that of a part of a quantized weight, which is made with the weight.</summary>
    private TensorGroup? GroupOf(string name)
    {
        if (_tables?.Names.Contains(name) == true)
            return Table(name);
        if (_biases?.GetValueOrDefault(name) is { } bias)
            return Bias(name, bias);
        if (_linearMaps.TryGetValue(name, out var map))
            return _quantization.Format is { } format ? Quantized(name, map, format) : Dense(name, map);
        if (StoredBlocks.FormatOf(_checkpoint, name) is not null)
            return Expanded(name);
        return QuantizedWeight.WeightOf(name) is not { } weight || (!_linearMaps.ContainsKey(weight) && StoredBlocks.FormatOf(_checkpoint, weight) is null)
            ? TensorGroup.Of(_checkpoint[name])
            : null;
    }

    private static TensorGroup Renamed(TensorGroup group, string name) =>
        new([.. group.Headers.Select(header => header with { Name = name })], () => group.Make().Select(tensor => tensor with { Name = name }));

    /// <summary>An embedding or a head that a model zip has in a GGUF's blocks.</summary>
    private TensorGroup Expanded(string name)
    {
        var packed = StoredBlocks.Read(_checkpoint, name)!;
        return new TensorGroup([new TensorHeader(name, "F32", [packed.Rows, packed.Columns])],
            () => QuantizedWeight.Write(name, InFormat(name, packed, DenseFormat.Float32)));
    }

    private TensorGroup Table(string name)
    {
        return new TensorGroup([new TensorHeader(name, SafetensorsTensor.TypeOf(Format), [_tables!.Rows!.Value, _columns])], Make);

        IEnumerable<SafetensorsTensor> Make() => QuantizedWeight.Write(name, InFormat(name, _tables!.Make(name), Format));
    }

    private TensorGroup Bias(string name, float[] values) => new(
        [new TensorHeader(name, SafetensorsTensor.TypeOf(Format), [values.Length])],
        () => [new SafetensorsTensor(name, SafetensorsTensor.TypeOf(Format), [values.Length], FloatFormats.FromFloats(Format, values))]);

    private TensorGroup Dense(string name, MapShape map)
    {
        var format = QuantizedWeight.IsStored(_checkpoint, name) ? Format : SafetensorsTensor.FormatOf(_checkpoint[name].Type) ?? DenseFormat.Float32;
        return new TensorGroup([new TensorHeader(name, SafetensorsTensor.TypeOf(format), [map.Rows, map.Columns])], Make);

        IEnumerable<SafetensorsTensor> Make()
        {
            var matrix = _weights.Matrix(name, map.Rows, map.Columns, isLinearMap: true);
            return QuantizedWeight.Write(name, matrix is DenseMatrix dense && dense.Format == format ? dense : InFormat(name, matrix, format));
        }
    }

    private TensorGroup Quantized(string name, MapShape map, WeightFormat format)
    {
        // What the backbone has in such codes already stays as it is.
        var stored = _adapted.Contains(name) ? null : QuantizedWeight.Read(_checkpoint, name) as CodedMatrix;
        var headers = stored?.Format == format
            ? QuantizedWeight.Describe(name, map.Rows, map.Columns, format, stored.BlockSize, (stored.Scales as NestedScales)?.NestedBlockSize)
            : QuantizedWeight.Describe(name, map.Rows, map.Columns, format, _quantization.BlockSize, WeightFormat.NestedBlockSize);
        return new TensorGroup(headers, Make);

        IEnumerable<SafetensorsTensor> Make()
        {
            var matrix = _weights.Matrix(name, map.Rows, map.Columns, isLinearMap: true);
            if ((matrix as CodedMatrix)?.Format != format)
                matrix = Quantizer.Quantize(matrix as DenseMatrix ?? InFormat(name, matrix, DenseFormat.Float32), _quantization, name);
            return QuantizedWeight.Write(name, matrix, Format);
        }
    }

    private static DenseMatrix InFormat(string name, StoredMatrix matrix, DenseFormat format)
    {
        var values = Dequantizer.ToFloats(matrix);
        var bytes = FloatFormats.FromFloats(format, values);
        if (format == DenseFormat.Float16 && MemoryMarshal.Cast<byte, Half>(bytes).ContainsAnyExceptInRange(Half.MinValue, Half.MaxValue))
            throw new InvalidDataException(
                $"The merged weight '{name}' has values beyond 65504, the largest of float16, which the backbone is stored in. " +
                "Merge into a backbone in bfloat16 or float32.");
        return new DenseMatrix(matrix.Rows, matrix.Columns, format, bytes);
    }
}
