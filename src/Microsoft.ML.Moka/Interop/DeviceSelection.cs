using Microsoft.ML.Moka.Tensors;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Moka.Interop;

/// <summary>The device that the user chose by <see cref="MLContext.GpuDeviceId"/>, and a line in the log that says so.</summary>
internal static class DeviceSelection
{
    /// <inheritdoc cref="Device.Choose" path="/exception"/>
    public static Device Choose(IHostEnvironment env, IChannel channel)
    {
        var device = Device.Choose(MlNetAccess.GpuDeviceIdOf(env), MlNetAccess.FallbackToCpuOf(env), BackendProvider.Installed);
        var line = $"Running on {device.Name}: {device.Reason}.";
        if (device.IsFallback)
            channel.Warning(MessageSensitivity.None, line);
        else
            channel.Info(MessageSensitivity.None, line);
        return device;
    }

    /// <summary>Says how products are computed; a warning where another precision was asked for.</summary>
    /// <param name="channel">Where it is said.</param>
    /// <param name="wanted">The precision that the user asked for; null for the usual one.</param>
    /// <param name="backend">What computes.</param>
    public static void ReportPrecision(IChannel channel, MokaPrecision? wanted, Backend backend)
    {
        var used = backend.Precision;
        if (wanted is { } asked && asked != used)
            channel.Warning(MessageSensitivity.None, $"Precision is {asked}, but products are computed in {used}: {backend.PrecisionProblem}.");
        else if (backend.PrecisionUnit(used) is { } unit)
            channel.Info(MessageSensitivity.None, $"Products in {used}, on {unit}.");
        else if (backend.PrecisionProblem is { } problem)
            channel.Info(MessageSensitivity.None, wanted is null && backend.PrecisionUnit(MokaPrecision.BFloat16) is { } other
                ? $"Products in {used}: {problem}. Precision = BFloat16 would be faster and coarser, on {other}."
                : $"Products in {used}: {problem}.");
        else
            channel.Info(MessageSensitivity.None, $"Products in {used}.");
    }

    /// <summary>The same for who has no channel of their own.</summary>
    /// <inheritdoc cref="Device.Choose" path="/exception"/>
    public static Device Choose(IHostEnvironment env)
    {
        using var channel = env.Start("Loading");
        return Choose(env, channel);
    }
}
