using System.Globalization;
using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Moka.Tensors.Counting;
using Microsoft.ML.Moka.Tensors.Cpu;

namespace Microsoft.ML.Moka.Diagnostics;

/// <summary>Kernels and training on every device that there is, in each of its precisions.</summary>
internal sealed class DeviceFindings
{
    // Losses in float32 differ by the order of sums alone; in lower precision, over a few steps, by what rounding makes of them.
    private const double LossError = 1e-3;
    private const double RoundedLossError = 5e-2;

    // Beyond the plan by so much, a program that trusts it would run out of memory.
    private const double MostOfPlan = 1.25;

    private IReadOnlyList<double>? _expected;

    public IEnumerable<DiagnosticFinding> All(BackendProvider provider, CancellationToken cancellation)
    {
        foreach (var device in OfCpu())
            foreach (var finding in Of(device, cancellation))
                yield return finding;
        IReadOnlyList<CheckedDevice> others = [];
        DiagnosticFinding? failure = null;
        try
        {
            others = provider.Devices();
        }
        catch (Exception e)
        {
            failure = Failure(DiagnosticArea.Kernels, "devices", e);
        }
        if (failure is not null)
            yield return failure;
        foreach (var device in others)
            foreach (var finding in Of(device, cancellation))
                yield return finding;
    }

    private static List<CheckedDevice> OfCpu()
    {
        using var probe = new CpuBackend();
        return [.. probe.Precisions.Select(precision => new CheckedDevice(
            $"cpu, {precision}", precision switch
            {
                MokaPrecision.Float32 => CheckedDevice.Float32Error,
                MokaPrecision.Split => CheckedDevice.SplitError,
                _ => CheckedDevice.BFloat16Error,
            },
            MemoryTraits.Cpu, () => new CpuBackend(precision: precision), () => HostMemory.AvailableBytes()))];
    }

    private IEnumerable<DiagnosticFinding> Of(CheckedDevice device, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var kernels = Kernels(device);
        yield return kernels;
        // A device that computes wrongly has nothing to say about training.
        if (kernels.Status == DiagnosticStatus.Failed)
            yield break;
        cancellation.ThrowIfCancellationRequested();
        yield return Training(device);
    }

    private static DiagnosticFinding Kernels(CheckedDevice device)
    {
        try
        {
            using var backend = device.Create();
            var errors = KernelCheck.Run(backend);
            var wrong = errors.FirstOrDefault(error => !error.IsWithin(device.RelativeError));
            return wrong is null
                ? new(DiagnosticArea.Kernels, device.Name, DiagnosticStatus.Passed, string.Create(
                    CultureInfo.InvariantCulture,
                    $"{errors.Count} results within {errors.Max(error => error.Typical):0.0e0} of double precision's ({backend.Description})"))
                : new(DiagnosticArea.Kernels, device.Name, DiagnosticStatus.Failed, string.Create(
                    CultureInfo.InvariantCulture,
                    $"{wrong.Kernel} is off by {wrong.Typical:0.0e0} of its size, at most {wrong.Largest:0.0e0}; the bound is {device.RelativeError:0.0e0}"),
                    "What is computed there cannot be relied on. Report it with this text; meanwhile use another device or precision.");
        }
        catch (Exception e)
        {
            return Failure(DiagnosticArea.Kernels, device.Name, e);
        }
    }

    private DiagnosticFinding Training(CheckedDevice device)
    {
        try
        {
            var before = device.Memory == MemoryTraits.Gpu ? device.FreeBytes() : null;
            using var backend = device.Create();
            var steps = StepCheck.Run(backend);
            var given = before - device.FreeBytes();
            var text = string.Create(
                CultureInfo.InvariantCulture,
                $"loss {steps.Losses[0]:0.000} to {steps.Losses[^1]:0.000} in {steps.Losses.Count} steps of {steps.Seconds:0.000} s");
            // The CPU in Float32 comes first, and is what the others are compared with.
            _expected ??= steps.Losses;
            var worst = steps.Losses.Zip(_expected, (actual, expected) => Math.Abs(actual / expected - 1)).Max();
            if (!(steps.Losses[^1] < steps.Losses[0]) || !(worst <= (device.RelativeError < CheckedDevice.BFloat16Error ? LossError : RoundedLossError)))
            {
                return new(DiagnosticArea.Training, device.Name, DiagnosticStatus.Failed,
                    string.Create(CultureInfo.InvariantCulture, $"{text}, where the CPU has {_expected[0]:0.000} to {_expected[^1]:0.000}"),
                    "Training there cannot be relied on. Report it with this text; meanwhile use another device or precision.");
            }
            if (given > 0)
                text += $"; the driver gave out {MemoryPlan.Size(given.Value)}";
            if (device.Memory is not { } traits || steps.TensorBytes == 0)
                return new(DiagnosticArea.Training, device.Name, DiagnosticStatus.Passed, text);
            var planned = StepCheck.Plan(traits);
            text += $"; tensors took {MemoryPlan.Size(steps.TensorBytes)} of {MemoryPlan.Size(planned)} that were planned";
            return steps.TensorBytes <= MostOfPlan * planned
                ? new(DiagnosticArea.Training, device.Name, DiagnosticStatus.Passed, text)
                : new(DiagnosticArea.Training, device.Name, DiagnosticStatus.Warning, text,
                    "Plans of memory say too little there: leave more of it free, and report this text.");
        }
        catch (Exception e)
        {
            return Failure(DiagnosticArea.Training, device.Name, e);
        }
    }

    private static DiagnosticFinding Failure(DiagnosticArea area, string name, Exception e) =>
        new(area, name, DiagnosticStatus.Failed, $"{e.GetType().Name}: {e.Message.Split('\n')[0]}", e switch
        {
            DeviceMemoryException or OutOfMemoryException => "Other programs hold the device's memory: end them, or choose another device.",
            _ => "What the message names is to be changed; where it says nothing of that, report it with this text.",
        });
}
