using System.Runtime.InteropServices;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Counting;
using TorchSharp;
using static TorchSharp.torch;
using Device = TorchSharp.torch.Device;
using Tensor = Microsoft.ML.Moka.Tensors.Tensor;

namespace Microsoft.ML.Moka.Torch;

/// <summary>
/// The backend over TorchSharp: CUDA, or PyTorch's own CPU device. Backward steps are the tape's; PyTorch's autograd is not used. What a kernel computes on
/// its way lives in a scope that ends with the kernel, so that the number of live tensors is steady. Only exports of TorchSharp that catch C++ exceptions are
/// called: <c>mm</c>, not <c>matmul</c>, whose errors would end the process.
/// </summary>
internal sealed partial class TorchBackend : Backend
{
    private static readonly string[] MemoryErrors = ["out of memory", "can't allocate memory", "not enough memory"];

    private readonly Device _device;
    private readonly ScalarType _activation;
    private readonly ThreadLocal<KeptWeights?> _kept = new();
    private long _tensors;
    private long _bytes;
    private long _peak;

    /// <param name="device">CUDA with a number, or the CPU.</param>
    /// <param name="activation">The type of activations: bfloat16 or float32. Trained values and moments are float32 always.</param>
    public TorchBackend(Device device, ScalarType activation)
    {
        if (activation is not (ScalarType.BFloat16 or ScalarType.Float32))
            throw new ArgumentException($"Activations are BFloat16 or Float32, not {activation}.", nameof(activation));
        _device = device;
        _activation = activation;
        FusesAttention = device.type == DeviceType.CUDA && activation == ScalarType.BFloat16;
        if (device.type == DeviceType.CPU)
            NativeHeap.GiveBackLargeBlocks();
    }

    /// <summary>Elements of a weight that are expanded at a time.</summary>
    public long PanelElements { get; init; } = MemoryTraits.Gpu.PanelElements;

    /// <summary>Bytes of the logits of one chunk of rows.</summary>
    public long LogitBytes { get; init; } = MemoryTraits.Gpu.LogitBytes;

    /// <summary>Bytes of the scores that an attention computes at a time.</summary>
    public long ScoreBytes { get; init; } = MemoryTraits.Gpu.ScoreBytes;

    /// <summary>Tensors of this backend that are not disposed.</summary>
    public long LiveTensors => Interlocked.Read(ref _tensors);

    /// <summary>Their bytes, weights not counted.</summary>
    public long TensorBytes => Interlocked.Read(ref _bytes);

    /// <summary>Of what outlives a kernel.</summary>
    public override long PeakTensorBytes => Interlocked.Read(ref _peak);

    public override string Description => $"{Name} (TorchSharp, {(_activation == ScalarType.BFloat16 ? "bfloat16" : "float32")} activations)";

    public override string Arithmetic =>
        $"PyTorch on {(_device.type == DeviceType.CPU ? "the CPU" : CudaDriver.Installed.NameOf(Math.Max(0, _device.index)))}, {_activation} activations";

    private string Name => _device.type == DeviceType.CPU ? "cpu" : $"cuda:{Math.Max(0, _device.index)}";

    public override void Dispose() => _kept.Dispose();

    internal void Count(int tensors, long bytes)
    {
        Interlocked.Add(ref _tensors, tensors);
        var inUse = Interlocked.Add(ref _bytes, bytes);
        long peak;
        do
            peak = Interlocked.Read(ref _peak);
        while (inUse > peak && Interlocked.CompareExchange(ref _peak, inUse, peak) != peak);
    }

    private static NativeTensor N(Tensor tensor) => ((DeviceTensor)tensor).Elements;

    private static NativeTensor Vector(Tensor tensor) => ((DeviceTensor)tensor).Vector;

    private ScalarType TypeOf(TensorKind kind) => kind switch
    {
        TensorKind.Activation => _activation,
        TensorKind.Parameter => ScalarType.Float32,
        _ => ScalarType.Int32,
    };

    /// <summary>A new tensor of what <paramref name="compute"/> returns, which must be no view of an input; what else it makes is freed.</summary>
    private DeviceTensor Make(TensorKind kind, int rows, int columns, Func<NativeTensor> compute) => Guard(() =>
    {
        using var scope = NewDisposeScope();
        var result = compute();
        var type = TypeOf(kind);
        if (result.dtype != type)
            result = result.to(type);
        return new DeviceTensor(this, kind, rows, columns, result.contiguous().view(rows, columns).DetachFromDisposeScope());
    });

    /// <summary>A kernel that changes tensors in place.</summary>
    private void Run(Action work) => Guard(() =>
    {
        using var scope = NewDisposeScope();
        work();
        return true;
    });

    /// <summary>PyTorch's errors come with a C++ trace: the first line says what is wrong.</summary>
    private T Guard<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (ExternalException e)
        {
            throw Failure(e);
        }
    }

    private InvalidOperationException Failure(ExternalException e)
    {
        var text = e.Message.AsSpan().Trim();
        var end = text.IndexOf('\n');
        var line = (end < 0 ? text : text[..end]).ToString();
        var isMemory = Array.Exists(MemoryErrors, error => line.Contains(error, StringComparison.OrdinalIgnoreCase));
        return isMemory
            ? new DeviceMemoryException($"{Name} has no memory left for what was asked of it; smaller batches take less. {line}", e)
            : new InvalidOperationException($"{Name} failed: {line}", e);
    }
}
