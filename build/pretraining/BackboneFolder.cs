using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Backbones;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Files;
using Microsoft.ML.Moka.Tensors;

namespace Microsoft.ML.Moka.Pretraining;

/// <summary>Writes a trained backbone as a Hugging Face folder: linear maps in NF4 in bitsandbytes' layout, the rest in bfloat16.</summary>
internal static class BackboneFolder
{
    public static void Write(string folder, LlamaBackbone backbone, IReadOnlyDictionary<string, byte[]> tokenizerFiles)
    {
        Directory.CreateDirectory(folder);
        foreach (var (name, content) in tokenizerFiles.Append(new(LlamaConfigFile.Name, LlamaConfigFile.Write(backbone.Config))))
            AtomicFile.Write(Path.Combine(folder, name), stream => stream.Write(content));
        var maps = backbone.Config.LinearMaps.Select(map => $"{map.Name}.weight").ToHashSet();
        var tensors = backbone.Parameters.SelectMany(parameter => maps.Contains(parameter.Name)
            ? QuantizedWeight.Write(parameter.Name, QuantizedForward.Quantize(backbone.Backend, parameter))
            : [BFloat16(backbone.Backend, parameter)]);
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), tensors);
    }

    private static SafetensorsTensor BFloat16(Backend backend, Parameter parameter)
    {
        var values = new float[parameter.Length];
        backend.Download(parameter.Value, values);
        var halves = Array.ConvertAll(values, Round);
        int[] shape = parameter.Value.Columns > 1 ? [parameter.Value.Rows, parameter.Value.Columns] : [parameter.Value.Rows];
        return new SafetensorsTensor(parameter.Name, SafetensorsTensor.TypeOf(DenseFormat.BFloat16), shape, MemoryMarshal.AsBytes(halves.AsSpan()).ToArray());
    }

    // The upper half of a float, rounded to nearest, ties to even.
    private static ushort Round(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
