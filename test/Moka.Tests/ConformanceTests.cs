namespace Microsoft.ML.Moka.Tests;

public sealed class AttentionConformance : AttentionConformance<CpuBackends>;

public sealed class KroneckerConformance : KroneckerConformance<CpuBackends>;

public sealed class LinearConformance : LinearConformance<CpuBackends>;

public sealed class MemoryConformance : MemoryConformance<CpuBackends>;

public sealed class RowConformance : RowConformance<CpuBackends>;

public sealed class TrainingConformance : TrainingConformance<CpuBackends>;

public sealed class PropertyConformance : PropertyConformance<CpuBackends>;

public sealed class AdapterVectors : AdapterVectors<CpuBackends>;

public sealed class LlamaVectors : LlamaVectors<CpuBackends>;

public sealed class WeightConformance : WeightConformance<CpuBackends>;

public sealed class NewerMethods : NewerMethods<CpuBackends>;
