// Command volumes makes the cluster's volumes: a folder of the node for each
// claim that asks for it. Everybody may write into such a folder, since a host
// path gets no owner from the pod's fsGroup and pods are not root; the folder
// that holds them all is closed to everybody but root.
//
//	volumes KUBECONFIG FOLDER
//
// It must not be used where volumes hold anything of worth: a folder knows no
// quota, and there is one node.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// provisionerName is what the StorageClass names.
const provisionerName = "courseplatform.dev/folder"

// folders provisions volumes below one folder.
type folders struct{ root string }

var _ controller.Provisioner = folders{}

// Provision makes the folder of a claim. A second call for the same claim, after
// a crash, finds and uses what the first has made.
func (f folders) Provision(_ context.Context, options controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	claim := options.PVC
	if mode := claim.Spec.VolumeMode; mode != nil && *mode != v1.PersistentVolumeFilesystem {
		return nil, controller.ProvisioningFinished, fmt.Errorf("volumes of mode %s are not supported", *mode)
	}
	path := filepath.Join(f.root, options.PVName)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	// Once more, without the process' umask.
	if err := os.Chmod(path, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	directory := v1.HostPathDirectory
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   claim.Spec.AccessModes,
			Capacity: v1.ResourceList{
				v1.ResourceStorage: claim.Spec.Resources.Requests[v1.ResourceStorage],
			},
			PersistentVolumeSource: v1.PersistentVolumeSource{
				HostPath: &v1.HostPathVolumeSource{Path: path, Type: &directory},
			},
		},
	}, controller.ProvisioningFinished, nil
}

// Delete removes the folder of a volume, and never anything that lies elsewhere.
func (f folders) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	source := volume.Spec.HostPath
	if source == nil || filepath.Dir(source.Path) != f.root || strings.HasPrefix(filepath.Base(source.Path), ".") {
		return fmt.Errorf("volume %s does not lie in %s", volume.Name, f.root)
	}
	return os.RemoveAll(source.Path)
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: volumes KUBECONFIG FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], filepath.Clean(os.Args[2])); err != nil {
		klog.ErrorS(err, "the provisioner could not start")
		os.Exit(1)
	}
}

// run provisions until a signal ends it.
func run(kubeconfig, root string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	// One process on one node: there is nobody to elect a leader with.
	controller.NewProvisionController(ctx, client, provisionerName, folders{root},
		controller.LeaderElection(false)).Run(ctx)
	return nil
}
