using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Microsoft.ML.Moka.Adapters;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Interchange;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Tests.Interchange;

/// <summary>Folders as PEFT would write them for the tests' backbone.</summary>
internal static class PeftFolder
{
    public const string Prefix = "base_model.model.model.layers.";

    public static IReadOnlyList<MapShape> Maps { get; } = [.. TinyBackbone.Config.LinearMaps];

    public static BackboneShape Shape { get; } = TinyBackbone.Config.Shape;

    /// <summary>Tensors of LoRA on the named maps of all layers, small enough that the backbone still says something.</summary>
    public static List<SafetensorsTensor> Lora(int rank, params string[] modules) =>
        [.. Maps.Where(map => modules.Contains(map.Name.Split('.')[^1])).SelectMany(map => (SafetensorsTensor[])
        [
            Random($"base_model.model.{map.Name}.lora_A.weight", rank, map.Columns),
            Random($"base_model.model.{map.Name}.lora_B.weight", map.Rows, rank),
        ])];

    /// <summary>Tensors of DoRA beside those of LoRA.</summary>
    public static IEnumerable<SafetensorsTensor> Magnitudes(params string[] modules) =>
        Maps.Where(map => modules.Contains(map.Name.Split('.')[^1])).Select(map => Random($"base_model.model.{map.Name}.lora_magnitude_vector", map.Rows));

    /// <summary>Tensors of LoKr with whole factors, the first of them square.</summary>
    public static List<SafetensorsTensor> Lokr(int size, params string[] modules) =>
        [.. Maps.Where(map => modules.Contains(map.Name.Split('.')[^1])).SelectMany(map => (SafetensorsTensor[])
        [
            Random($"base_model.model.{map.Name}.lokr_w1", size, size),
            Random($"base_model.model.{map.Name}.lokr_w2", map.Rows / size, map.Columns / size),
        ])];

    public static SafetensorsTensor Random(string name, params int[] shape)
    {
        var values = new float[shape.Aggregate(1, (product, size) => product * size)];
        new SeededRandom(7, name).FillNormal(values, 0.1f);
        return SafetensorsTensor.Of(name, values, shape);
    }

    public static SafetensorsTensor AsHalf(SafetensorsTensor tensor)
    {
        Half[] halves = [.. tensor.ToFloats().Select(value => (Half)value)];
        return tensor with { Type = "F16", Data = MemoryMarshal.AsBytes(halves.AsSpan()).ToArray() };
    }

    public static SafetensorsTensor AsBFloat16(SafetensorsTensor tensor)
    {
        ushort[] halves = [.. tensor.ToFloats().Select(value => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16))];
        return tensor with { Type = "BF16", Data = MemoryMarshal.AsBytes(halves.AsSpan()).ToArray() };
    }

    public static JsonObject Config(string text) => JsonNode.Parse(text)!.AsObject();

    public static string Write(string folder, JsonObject config, IEnumerable<SafetensorsTensor> tensors)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, AdapterConfigFile.Name), config.ToJsonString());
        SafetensorsWriter.Write(Path.Combine(folder, StoredAdapter.WeightsName), tensors);
        return folder;
    }

    /// <summary>The updates W + Δ − W of all adapted maps by name, which is what a folder means.</summary>
    public static Dictionary<string, float[]> Updates(string folder)
    {
        using var backend = new Moka.Tensors.Cpu.CpuBackend();
        using var stored = StoredAdapter.Open(folder, Maps, Shape);
        using var adapters = stored.Load(backend);
        return adapters.Adapters.ToDictionary(adapter => adapter.Plan.Map.Name, adapter =>
        {
            var map = adapter.Plan.Map;
            using var zero = backend.Upload(new DenseMatrix(map.Rows, map.Columns, DenseFormat.Float32, new byte[4 * map.Rows * map.Columns]));
            using var merged = adapter.Merge(zero);
            var values = new float[merged.Length];
            backend.Download(merged, values);
            return values;
        });
    }
}
